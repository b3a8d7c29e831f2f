"""Two processes that train together, as torchrun would start them."""

import multiprocessing
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from torch.multiprocessing.spawn import start_processes

SIZE = 2
Work = Callable[[Path], None]
"""A function of a module that both processes call with the same folder."""


def as_pair(work: Work, folder: Path) -> None:
    """Run ``work(folder)`` in two new processes."""
    in_turn([work], folder)


def in_turn(works: Sequence[Work], folder: Path) -> None:
    """Run each ``work(folder)`` in the same two new processes, which start slowly.

    Each meets at a port of its own: at a shared one the faster process would find what
    the slower has not left yet.
    """
    with ExitStack() as open_:
        probes = [open_.enter_context(socket.socket()) for _ in works]
        for probe in probes:
            probe.bind(("localhost", 0))
        ports = [probe.getsockname()[1] for probe in probes]
    # forked from a process that has loaded the libraries: once, and not for each of the two
    multiprocessing.set_forkserver_preload(["puckrl.runner.session"])
    arguments = (works, folder, ports)
    start_processes(_enter, arguments, nprocs=SIZE, start_method="forkserver")


def _enter(rank: int, works: Sequence[Work], folder: Path, ports: list[int]) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(SIZE),
        "MASTER_ADDR": "localhost",
    }
    torch.set_num_threads(1)
    for work, port in zip(works, ports, strict=True):
        os.environ["MASTER_PORT"] = str(port)
        work(folder)

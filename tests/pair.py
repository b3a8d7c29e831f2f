"""Two processes that train together, as torchrun would start them."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import torch
from torch.multiprocessing.spawn import spawn

SIZE = 2


def as_pair(function: Callable[[Path], None], folder: Path) -> None:
    """Run ``function(folder)``, a function of a module, in two new processes."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    spawn(_enter, (function, folder, port), nprocs=SIZE)


def _enter(
    rank: int, function: Callable[[Path], None], folder: Path, port: int
) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(SIZE),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    function(folder)

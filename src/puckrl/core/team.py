"""Processes that train one policy together, as torchrun starts them.

Every process has worlds, a replay and a copy of the networks of its own; gradients and
counts are those of all. Collectives must be called by every process in the same order.
Without torchrun there is one process, and all of this gives back what it was given.
"""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

# Imported while a team stands, as compiling does, it would keep the team's threads in its
# default arguments until the interpreter ends, and they would abort the process there.
import torch.distributed.nn.functional  # pyright: ignore[reportUnusedImport]
from torch import Tensor
from torch import distributed as dist

from puckrl.core.capture import forget_recordings
from puckrl.core.errors import UserError

T = TypeVar("T")


@dataclass
class _Team:
    """This process among the others."""

    rank: int = 0
    size: int = 1
    device: torch.device | None = None


_team = _Team()


def rank() -> int:
    """Number of this process in its team; 0 writes, judges and decides."""
    return _team.rank


def size() -> int:
    """How many processes train together."""
    return _team.size


def is_first() -> bool:
    """Whether this process is the one that writes and talks, in a team or alone."""
    return _told("RANK") == 0


def local_rank() -> int:
    """Number of this process on its machine, which is the GPU it takes; 0 without torchrun."""
    return _told("LOCAL_RANK")


def _told(name: str) -> int:
    """A number that torchrun gives each of several processes; 0 where there is one."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return int(os.environ.get(name, "0")) if several else 0


@contextmanager
def together(device: torch.device) -> Generator[None]:
    """Train with whoever torchrun started beside this process; alone without it.

    Args:
        device: of this process's networks; NCCL connects GPUs, Gloo CPUs.

    Raises:
        UserError: if the others cannot be reached.
    """
    if _told("WORLD_SIZE") == 0:
        yield
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device.index or 0)  # "cuda" alone is refused
    try:
        dist.init_process_group(backend)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the other processes cannot be reached: {error}") from error
    _team.rank, _team.size = dist.get_rank(), dist.get_world_size()
    _team.device = device
    try:
        yield
    finally:
        forget_recordings()
        dist.destroy_process_group()
        _team.rank, _team.size, _team.device = 0, 1, None


def total(x: Tensor) -> Tensor:
    """The sum over all processes, of the shape of ``x``."""
    if _team.size == 1:
        return x
    return _reduced(x, dist.ReduceOp.SUM)


def mean(x: Tensor) -> Tensor:
    """The mean over all processes, of the shape of ``x``."""
    return x if _team.size == 1 else total(x) / _team.size


def totals(*counts: int) -> tuple[int, ...]:
    """Sums of whole numbers over all processes."""
    if _team.size == 1:
        return counts
    return tuple(int(x) for x in total(torch.tensor(counts, device=_team.device)))


def least(count: int) -> int:
    """The least over all processes."""
    if _team.size == 1:
        return count
    x = torch.tensor(count, device=_team.device)
    return int(_reduced(x, dist.ReduceOp.MIN))


def _reduced(x: Tensor, operation: dist.ReduceOp.RedOpType) -> Tensor:
    """A new tensor; the collective itself works in place."""
    x = x.clone()
    dist.all_reduce(x, operation)  # pyright: ignore[reportUnknownMemberType]
    return x


def agreed(value: T) -> T:
    """What process 0 says; any value that can be pickled."""
    return from_first(lambda: value)


def from_first(make: Callable[[], T]) -> T:
    """What process 0 makes, and nobody else; its UserError is everybody's."""
    if _team.size == 1:
        return make()
    said: list[Any] = [None, None]
    if _team.rank == 0:
        try:
            said[0] = make()
        except UserError as error:
            said[1] = str(error)
    dist.broadcast_object_list(said, src=0, device=_team.device)
    if said[1] is not None:
        raise UserError(said[1])
    return said[0]

"""Let several processes train one policy together (data parallelism with torchrun).

Every process has its own worlds, replay buffer and copy of the networks; gradients and
counts are summed over all. Every process must call the collectives in the same order.
Without torchrun there is one process, and each collective returns its input.
"""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

# torch.compile imports this later. If a team exists at that time, the module's default
# arguments keep the team's threads until the interpreter ends, and these abort the process.
import torch.distributed.nn.functional  # pyright: ignore[reportUnusedImport]
from torch import Tensor
from torch import distributed as dist

from puckrl.core.capture import forget_recordings
from puckrl.core.errors import UserError

T = TypeVar("T")


@dataclass
class _Team:
    """Position of this process among the others."""

    rank: int = 0
    size: int = 1
    device: torch.device | None = None


_team = _Team()


def rank() -> int:
    """Return the number of this process; process 0 writes, evaluates and decides."""
    return _team.rank


def size() -> int:
    """Return the number of processes that train together."""
    return _team.size


def is_first() -> bool:
    """Return whether this process writes and prints, in a team or alone."""
    return _environment("RANK") == 0


def local_rank() -> int:
    """Return the number of this process on its machine, and so of its GPU."""
    return _environment("LOCAL_RANK")


def _environment(name: str) -> int:
    """Return a number that torchrun sets for each process; 0 if there is only one."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return int(os.environ.get(name, "0")) if several else 0


@contextmanager
def together(device: torch.device) -> Generator[None]:
    """Connect the processes that torchrun started, for a ``with`` block.

    Args:
        device: of this process's networks; NCCL connects GPUs, Gloo CPUs.

    Raises:
        UserError: if the others cannot be reached.
    """
    if _environment("WORLD_SIZE") == 0:
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
    """Return the sum of ``x`` over all processes, elementwise."""
    if _team.size == 1:
        return x
    return _reduced(x, dist.ReduceOp.SUM)


def mean(x: Tensor) -> Tensor:
    """Return the mean of ``x`` over all processes, elementwise."""
    return x if _team.size == 1 else total(x) / _team.size


def totals(*counts: int) -> tuple[int, ...]:
    """Return the sum of each whole number over all processes."""
    if _team.size == 1:
        return counts
    return tuple(int(x) for x in total(torch.tensor(counts, device=_team.device)))


def minimum(count: int) -> int:
    """Return the minimum of a whole number over all processes."""
    if _team.size == 1:
        return count
    x = torch.tensor(count, device=_team.device)
    return int(_reduced(x, dist.ReduceOp.MIN))


def _reduced(x: Tensor, operation: dist.ReduceOp.RedOpType) -> Tensor:
    """Return the reduced tensor; the collective itself works in place."""
    x = x.clone()
    dist.all_reduce(x, operation)  # pyright: ignore[reportUnknownMemberType]
    return x


def agreed(value: T) -> T:
    """Return the value of process 0; it must be picklable."""
    return from_first(lambda: value)


def from_first(make: Callable[[], T]) -> T:
    """Call ``make`` in process 0 only, and return its result in all processes.

    Raises:
        UserError: in all processes, if ``make`` raises one.
    """
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

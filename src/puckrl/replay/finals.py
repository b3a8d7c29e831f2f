"""Final observations of episodes, beside a buffer that stores each observation once.

A ring that grows: the oldest are given up first, with the steps that led to them. A place
is a number that never changes, counted from the first one ever added.
"""

import torch
from torch import Tensor

from puckrl.core.types import Obs
from puckrl.replay.storage import allocate

_FEW = 64


class Finals:
    """Holds final observations by place.

    Args:
        sizes: lengths of the observed vectors by name.
        device: device of them.
    """

    def __init__(self, sizes: dict[str, int], device: torch.device) -> None:
        self._shapes = {name: (size,) for name, size in sizes.items()}
        self._device = device
        self._rows = allocate(self._shapes, _FEW, torch.float32, device)
        self._size, self._added, self._used = _FEW, 0, 0

    def add(self, rows: Obs) -> Tensor:
        """Keep observations, (n, size) each; return their places, (n,) int64."""
        count = len(next(iter(rows.values())))
        if self._used + count > self._size:
            self._grow(2 * (self._used + count))
        places = self._numbers(self._added, self._added + count)
        for name, kept in self._rows.items():
            kept[places % self._size] = rows[name].to(torch.float32)
        self._added += count
        self._used += count
        return places

    def release(self, count: int) -> None:
        """Give up the ``count`` oldest."""
        self._used -= count

    def clear(self) -> None:
        """Give up all."""
        self._used = 0

    def look_up(self, places: Tensor) -> Obs:
        """Return the observations at places, (n, size) each; garbage where given up."""
        return {name: kept[places % self._size] for name, kept in self._rows.items()}

    def _grow(self, size: int) -> None:
        """Move what is kept to a larger ring."""
        places = self._numbers(self._added - self._used, self._added)
        larger = allocate(self._shapes, size, torch.float32, self._device)
        for name, kept in self._rows.items():
            larger[name][places % size] = kept[places % self._size]
        self._rows, self._size = larger, size

    def _numbers(self, first: int, last: int) -> Tensor:
        return torch.arange(first, last, device=self._device)

"""Keep the last few frames of every world, the oldest first.

k = 3        oldest          newest
reset    a      a       a       a       a fresh episode repeats its first frame
push     b      a       a       b
push     c      a       b       c
push     d      b       c       d
"""

import torch
from torch import Tensor


class FrameStack:
    """Stack frames along the last axis: (W, ..., C) frames give (W, ..., k C).

    Args:
        num_worlds: W.
        shape: (..., C) of a frame; a vector is (C,).
        count: k.
        dtype: data type of the frames.
        device: device of the frames.
    """

    def __init__(
        self,
        num_worlds: int,
        shape: tuple[int, ...],
        count: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        *place, channels = shape
        size = (num_worlds, *place, count, channels)
        self.frames = torch.zeros(size, dtype=dtype, device=device)
        """All frames, (W, ..., k, C)."""

    def reset(self, worlds: Tensor, first: Tensor) -> None:
        """Begin episodes in ``worlds`` (n,) with their first frames, (n, ..., C)."""
        self.frames[worlds] = first[..., None, :].expand_as(self.frames[worlds])

    def push(self, newest: Tensor) -> None:
        """Add the newest frame of every world, (W, ..., C)."""
        self.frames[..., :-1, :] = self.frames[..., 1:, :].clone()
        self.frames[..., -1, :] = newest

    @property
    def newest(self) -> Tensor:
        """Return a copy of the newest frame of every world, (W, ..., C)."""
        return self.frames[..., -1, :].clone()

    @property
    def stacked(self) -> Tensor:
        """Return a copy of all frames of every world, (W, ..., k C)."""
        return self.frames.flatten(-2).clone()

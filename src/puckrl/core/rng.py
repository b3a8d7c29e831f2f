"""Draw random numbers without global state: counter-based, or from named streams.

Resets use a counter-based generator: each value is a hash of (seed, world, episode, draw
index). World 7 therefore resets the same way beside 8 worlds or 8,000, on the CPU or on
a GPU, and a checkpoint stores only the number of episodes that each world has begun.
"""

import copy
import hashlib

import numpy as np
import torch
from torch import Tensor

from puckrl.core import team

_MASK = {shift: (1 << (64 - shift)) - 1 for shift in (11, 27, 30, 31)}


def _signed(value: int) -> int:
    """Return a 64-bit pattern as the signed integer that torch.int64 holds."""
    return value - (1 << 64) if value >= 1 << 63 else value


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_MIX_1 = _signed(0xBF58476D1CE4E5B9)
_MIX_2 = _signed(0x94D049BB133111EB)


def _shift(x: Tensor, bits: int) -> Tensor:
    """Return int64 shifted right logically; torch's own shift copies the sign."""
    return (x >> bits) & _MASK[bits]


def splitmix64(x: Tensor) -> Tensor:
    """Apply SplitMix64's output function to int64 bit patterns, elementwise.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number
    generators" (OOPSLA 2014), figure 17.
    """
    x = x + _GOLDEN
    x = (x ^ _shift(x, 30)) * _MIX_1
    x = (x ^ _shift(x, 27)) * _MIX_2
    return x ^ _shift(x, 31)


class Draws:
    """Draw uniform numbers for the reset of some worlds, independently for each world.

    Args:
        seed: the run's seed.
        worlds: indices of the worlds that reset, (n,) int64.
        episodes: number of episodes that each of them has begun before, (n,) int64.
    """

    def __init__(self, seed: int, worlds: Tensor, episodes: Tensor) -> None:
        key = splitmix64(torch.full_like(worlds, seed))
        self._key = splitmix64(splitmix64(key ^ worlds) ^ episodes)[:, None]
        self._used = 0

    def of(self, rows: Tensor, device: torch.device) -> "Draws":
        """Return the next draws of some of the worlds, on another device.

        Args:
            rows: which of the n worlds, (m,) int64.
            device: device of the draws.
        """
        made = copy.copy(self)
        made._key = self._key[rows.to(self._key.device)].to(device)
        return made

    def uniform(self, low: float | Tensor, high: float | Tensor, *shape: int) -> Tensor:
        """Draw numbers in [low, high), (n, *shape) float64."""
        count = int(np.prod(shape, dtype=np.int64))
        index = torch.arange(self._used, self._used + count, device=self._key.device)
        self._used += count
        bits = _shift(splitmix64(self._key ^ splitmix64(index)), 11)
        unit = (bits.double() * 2.0**-53).reshape(len(self._key), *shape)
        return low + (high - low) * unit

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers, (n, *shape) float64.

        Source: Box and Muller (1958), "A note on the generation of random normal deviates".
        """
        unit, turn = self.uniform(0.0, 1.0, 2, *shape).unbind(1)
        radius = (-2.0 * torch.log1p(-unit)).sqrt()  # 1 - unit lies in (0, 1]
        return radius * torch.cos(2.0 * torch.pi * turn)


def generator(seed: int, stream: str, device: torch.device) -> torch.Generator:
    """Return a torch generator for a named stream, e.g. ``"replay"`` or ``"explore"``.

    Each process of a team has its own streams.
    """
    rng = torch.Generator(device=device)
    begin_stream(rng, seed, stream)
    return rng


def begin_stream(rng: torch.Generator, seed: int, stream: str) -> None:
    """Seed a generator with the start of a named stream; see ``generator``."""
    stream = f"{stream}/{team.rank()}" if team.rank() else stream
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    rng.manual_seed(int.from_bytes(digest[:8], "little") >> 1)

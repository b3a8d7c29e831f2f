"""Random augmentation of the pixels in a batch.

An augmentation draws its random numbers outside the compiled round, separately for
observations and next observations, and applies them inside.
"""

from typing import Protocol, assert_never

import torch
from torch import Tensor

from puckrl.agents.settings import SHIFT_PX, AugmentKind
from puckrl.core.types import Obs
from puckrl.nets.augment import color_jitter, random_shift

GAIN, OFFSET = 0.2, 20.0
"""Maximum change of a color's gain, and of brightness in levels of 255."""


class Augment(Protocol):
    """Augments pixels with random numbers drawn beforehand."""

    size: int
    """Random numbers per sample."""

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw numbers for observations and next observations, (2, count, size)."""
        ...

    def __call__(self, obs: Obs, drawn: Tensor) -> Obs:
        """Return the observation with augmented pixels; drawn (B, size)."""
        ...


class NoAugmentation:
    """No augmentation."""

    size = 0

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Return an empty tensor, (2, 0)."""
        return torch.zeros(2, 0, device=rng.device)

    def __call__(self, obs: Obs, drawn: Tensor) -> Obs:
        """Return the observation unchanged."""
        return obs


class Shift:
    """Shifts images by up to ``SHIFT_PX`` pixels at random.

    Source: Yarats et al. (2021), DrQ-v2, section 3.1.
    """

    size = 2

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw integers in [0, 8], (2, count, 2) int64."""
        size = (2, count, 2)
        return torch.randint(2 * SHIFT_PX + 1, size, generator=rng, device=rng.device)

    def __call__(self, obs: Obs, drawn: Tensor) -> Obs:
        """Return the observation with shifted pixels."""
        return {**obs, "pixels": random_shift(obs["pixels"], drawn.long(), SHIFT_PX)}


class Color:
    """Scales red, green and blue separately and adds brightness, equal within a stack.

    Source: Laskin et al. (2020), "Reinforcement learning with augmented data", section
    3; here linear, gains within 20 % and brightness within 20 levels.
    """

    size = 4

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw numbers in [-1, 1), (2, count, 4) float32."""
        return 2.0 * torch.rand(2, count, 4, generator=rng, device=rng.device) - 1.0

    def __call__(self, obs: Obs, drawn: Tensor) -> Obs:
        """Return the observation with changed colors."""
        pixels = obs["pixels"]
        gain = (1.0 + GAIN * drawn[:, :3]).repeat(1, pixels.shape[1] // 3)
        return {**obs, "pixels": color_jitter(pixels, gain, OFFSET * drawn[:, 3:])}


class ShiftAndColor:
    """Shifts images, then changes their colors."""

    def __init__(self) -> None:
        self._parts = (Shift(), Color())
        self.size = sum(part.size for part in self._parts)

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw the numbers of both, concatenated, (2, count, 6) float32."""
        drawn = [part.draw(count, rng).float() for part in self._parts]
        return torch.cat(drawn, dim=-1)

    def __call__(self, obs: Obs, drawn: Tensor) -> Obs:
        """Return the observation after both augmentations."""
        shift, color = self._parts
        shifted = shift(obs, drawn[:, : shift.size])
        return color(shifted, drawn[:, shift.size :])


def augmentation(kind: AugmentKind) -> Augment:
    """Return the augmentation with this name."""
    match kind:
        case "none":
            return NoAugmentation()
        case "shift":
            return Shift()
        case "color":
            return Color()
        case "shift+color":
            return ShiftAndColor()
        case _:
            assert_never(kind)

"""Random changes of the pictures in a batch.

An augmentation draws its numbers outside the compiled round, for observations and next
observations apart, and applies them inside.
"""

from typing import Literal, Protocol, assert_never

import torch
from torch import Tensor

from puckrl.core.types import Obs
from puckrl.nets.augment import color_jitter, random_shift

AugmentKind = Literal["none", "shift", "color", "shift+color"]
SHIFT_PX = 4
"""Largest random shift, in pixels."""
GAIN, OFFSET = 0.2, 20.0
"""Largest change of a color's gain, and of brightness in levels of 255."""


class Augment(Protocol):
    """Changes pictures by numbers that it has drawn."""

    size: int
    """Numbers per sample."""

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Numbers for observations and next observations, (2, count, size)."""
        ...

    def __call__(self, obs: Obs, drawn: Tensor) -> Obs:
        """The observation with changed pixels; drawn (B, size)."""
        ...


class AsIs:
    """No augmentation."""

    size = 0

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Nothing to draw: (2, 0)."""
        return torch.zeros(2, 0, device=rng.device)

    def __call__(self, obs: Obs, drawn: Tensor) -> Obs:
        """The observation."""
        return obs


class Shift:
    """Moves the pixels by a few pixels at random.

    Source: Yarats et al. (2021), DrQ-v2, section 3.1.
    """

    size = 2

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Whole numbers in [0, 8], (2, count, 2) int64."""
        size = (2, count, 2)
        return torch.randint(2 * SHIFT_PX + 1, size, generator=rng, device=rng.device)

    def __call__(self, obs: Obs, drawn: Tensor) -> Obs:
        """The observation with shifted pixels."""
        return {**obs, "pixels": random_shift(obs["pixels"], drawn.long(), SHIFT_PX)}


class Color:
    """Stretches red, green and blue apart and adds brightness, alike in a whole stack.

    Source: Laskin et al. (2020), "Reinforcement learning with augmented data", section
    3; here linear, gains within 20 % and brightness within 20 levels.
    """

    size = 4

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Numbers in [-1, 1), (2, count, 4) float32."""
        return 2.0 * torch.rand(2, count, 4, generator=rng, device=rng.device) - 1.0

    def __call__(self, obs: Obs, drawn: Tensor) -> Obs:
        """The observation in other colors."""
        pixels = obs["pixels"]
        gain = (1.0 + GAIN * drawn[:, :3]).repeat(1, pixels.shape[1] // 3)
        return {**obs, "pixels": color_jitter(pixels, gain, OFFSET * drawn[:, 3:])}


class Both:
    """A shift, then other colors."""

    def __init__(self) -> None:
        self._parts = (Shift(), Color())
        self.size = sum(part.size for part in self._parts)

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Their numbers side by side, (2, count, 6) float32."""
        drawn = [part.draw(count, rng).float() for part in self._parts]
        return torch.cat(drawn, dim=-1)

    def __call__(self, obs: Obs, drawn: Tensor) -> Obs:
        """The observation after both."""
        shift, color = self._parts
        shifted = shift(obs, drawn[:, : shift.size])
        return color(shifted, drawn[:, shift.size :])


def augmentation(kind: AugmentKind) -> Augment:
    """An augmentation by name."""
    match kind:
        case "none":
            return AsIs()
        case "shift":
            return Shift()
        case "color":
            return Color()
        case "shift+color":
            return Both()
        case _:
            assert_never(kind)

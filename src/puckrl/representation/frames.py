"""Self-supervised objectives: what trains an encoder on frames alone, without labels.

A batch holds frames, what came after them, and the actions between. An objective says what
it ``needs`` of it; everything random is drawn beforehand, so that a loss is a pure function.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from puckrl.core.spaces import Spaces

NEXT, LATER, ACTION, GOAL = "next_pixels", "later_pixels", "action", "achieved_goal"
"""What an objective may need beside ``pixels``."""
DRAWS = "draws"

Encode = Callable[[Tensor], Tensor]
"""Map images (B, C, H, W) uint8 to features (B, n) float32."""
Metrics = dict[str, Tensor]


class Frames(NamedTuple):
    """Frames of B moments of episodes; None: no objective needs it.

    ============= ================================================== =============
    field         meaning                                            shape
    ============= ================================================== =============
    pixels        stacks of frames                                   (B, C, H, W)
    draws         uniform random numbers in [0, 1)                   (B, draws)
    next_pixels   stacks one control step later                      (B, C, H, W)
    later_pixels  stacks of any later step of the episode            (B, C, H, W)
    action        action taken                                       (B, A)
    achieved_goal label of goal prediction                           (B, G)
    ============= ================================================== =============
    """

    pixels: Tensor
    draws: Tensor
    next_pixels: Tensor | None = None
    later_pixels: Tensor | None = None
    action: Tensor | None = None
    achieved_goal: Tensor | None = None


@dataclass(frozen=True)
class FrameSizes:
    """Sizes that objectives need to build their heads."""

    features: int
    """Features of the encoder."""
    channels: int
    """Channels of the newest frame: 3 a camera."""
    stacked_channels: int
    """Channels of a stack."""
    height: int
    """Rows."""
    width: int
    """Columns."""
    action_dim: int
    """Length of an action."""
    goal_dim: int
    """Length of a goal."""


class FrameObjective(Protocol):
    """A head on features with a loss that needs no label; a module."""

    @property
    def needs(self) -> tuple[str, ...]:
        """What it needs beside ``pixels``: fields of ``Frames``."""
        ...

    @property
    def draws(self) -> int:
        """Uniform random numbers that it needs for each image."""
        ...

    def __call__(
        self, encode: Encode, features: Tensor, frames: Frames
    ) -> tuple[Tensor, Metrics]:
        """Return the loss, (), and metrics of its health.

        Args:
            encode: the encoder, for other images.
            features: of ``frames.pixels``, (B, n).
            frames: the batch, with this objective's own draws.
        """
        ...


def sizes_of(features: int, spaces: Spaces) -> FrameSizes:
    """Return the sizes of a task with cameras."""
    pixels = spaces.pixels
    assert pixels is not None, "there is no camera"
    return FrameSizes(
        features=features,
        channels=pixels.channels,
        stacked_channels=pixels.stacked_channels,
        height=pixels.height,
        width=pixels.width,
        action_dim=spaces.action_dim,
        goal_dim=spaces.goal_dim,
    )


def wanted(value: Tensor | None) -> Tensor:
    """Return a part of a batch that an objective has said that it needs."""
    assert value is not None, "a batch lacks what its objectives need"
    return value


def feature_health(features: Tensor) -> Tensor:
    """Return the mean standard deviation of features over a batch, (): 0 is collapse."""
    return features.detach().std(dim=0).mean()


def accuracy(logits: Tensor) -> Tensor:
    """Return the share of rows in which the diagonal is the largest, ()."""
    right = torch.arange(len(logits), device=logits.device)
    return (logits.detach().argmax(dim=1) == right).float().mean()

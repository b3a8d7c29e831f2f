"""The values that travel between floors."""

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

Obs = dict[str, Tensor]
"""Named observations of B worlds or samples: every value is (B, ...)."""


class Batch(NamedTuple):
    """Transitions as the agent sees them, goals already relabelled.

    ========== ================================================= ============
    field      meaning                                           shape
    ========== ================================================= ============
    obs        observations before the step, by name             (B, ...) each
    action     action taken, in [-1, 1]                          (B, action_dim)
    reward     reward for the (relabelled) goal                  (B,)
    next_obs   observations after the step, by name              (B, ...) each
    terminated 1.0 where the episode truly ended: no bootstrap   (B,)
    ========== ================================================= ============
    """

    obs: Obs
    action: Tensor
    reward: Tensor
    next_obs: Obs
    terminated: Tensor

    def rows(self, part: slice) -> "Batch":
        """Some of the transitions, as views."""
        return Batch(
            obs={name: value[part] for name, value in self.obs.items()},
            action=self.action[part],
            reward=self.reward[part],
            next_obs={name: value[part] for name, value in self.next_obs.items()},
            terminated=self.terminated[part],
        )


@dataclass(frozen=True)
class Sensor:
    """A named part of the state vector: what it is and which columns hold it."""

    columns: tuple[int, ...]
    """Columns of the state vector."""
    source: str
    """Where a real robot would get it from."""
    unit: str
    """Units of the columns."""


@dataclass(frozen=True)
class PixelSpace:
    """Size of what cameras see; ``obs["pixels"]`` is (B, stack * channels, height, width)."""

    height: int
    """Rows."""
    width: int
    """Pixels per row."""
    channels: int = 3
    """Numbers per pixel of one frame: 3 per camera."""
    stack: int = 1
    """Frames that are seen together, the oldest first."""

    @property
    def stacked_channels(self) -> int:
        """Channels of a whole stack."""
        return self.stack * self.channels


@dataclass(frozen=True)
class Spaces:
    """Sizes of what a task emits and takes."""

    state_dim: int
    """Length of the state vector."""
    goal_dim: int
    """Length of achieved and desired goal."""
    action_dim: int
    """Length of the action; every component lies in [-1, 1]."""
    horizon: int
    """Control steps of a full episode."""
    sensors: dict[str, Sensor] = field(default_factory=dict[str, Sensor])
    """Named parts of the state vector."""
    pixels: PixelSpace | None = None
    """What cameras see; None: there is none."""

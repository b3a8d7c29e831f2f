"""Define the values that floors pass to each other."""

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

Obs = dict[str, Tensor]
"""Named observations of B worlds or samples: every value is (B, ...)."""


class Batch(NamedTuple):
    """Transitions for an update, with goals already relabelled.

    The last transitions alone may have images, and next observations may have none: see
    ``EpisodeReplayBuffer.sample``.

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
        """Return some of the transitions, as views."""
        return Batch(
            obs={name: value[part] for name, value in self.obs.items()},
            action=self.action[part],
            reward=self.reward[part],
            next_obs={name: value[part] for name, value in self.next_obs.items()},
            terminated=self.terminated[part],
        )

    def split(self, parts: int) -> list["Batch"]:
        """Return equal parts in order, as views.

        Each tensor is cut on its own, since images may have fewer rows.
        """
        cut = [
            {name: value.chunk(parts) for name, value in obs.items()}
            for obs in (self.obs, self.next_obs)
        ]
        before, after = (
            [{name: v[i] for name, v in obs.items()} for i in range(parts)]
            for obs in cut
        )
        action, reward, terminated = (
            x.chunk(parts) for x in (self.action, self.reward, self.terminated)
        )
        return [
            Batch(
                obs=before[i],
                action=action[i],
                reward=reward[i],
                next_obs=after[i],
                terminated=terminated[i],
            )
            for i in range(parts)
        ]


@dataclass(frozen=True)
class Sensor:
    """A named part of the state vector."""

    columns: tuple[int, ...]
    """Columns of the state vector."""
    source: str
    """Device or estimator that provides it on a real robot."""
    unit: str
    """Units of the columns."""


@dataclass(frozen=True)
class PixelSpace:
    """Size of image observations: (B, stack * channels, height, width)."""

    height: int
    """Height of an image, in pixels."""
    width: int
    """Width of an image, in pixels."""
    channels: int = 3
    """Numbers per pixel of one frame: 3 per camera."""
    stack: int = 1
    """Number of consecutive frames, the oldest first."""

    @property
    def stacked_channels(self) -> int:
        """Number of channels of a whole stack."""
        return self.stack * self.channels


@dataclass(frozen=True)
class Spaces:
    """Sizes of a task's observations and actions."""

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
    """Size of image observations; None: no camera."""

"""The values that travel between floors."""

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

Obs = dict[str, Tensor]
"""Named observations of B worlds or samples: every value is (B, ...)."""


class Batch(NamedTuple):
    """Transitions as the agent sees them, goals already relabelled.

    Pictures may be there for the last transitions only, and of next observations not at
    all: see ``EpisodeReplayBuffer.sample``.

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

    def split(self, parts: int) -> list["Batch"]:
        """As many equal parts, in order, as views; every tensor is cut by itself."""
        cut = [
            {name: value.chunk(parts) for name, value in obs.items()}
            for obs in (self.obs, self.next_obs)
        ]
        rest = [x.chunk(parts) for x in (self.action, self.reward, self.terminated)]
        before, after = (
            [{name: v[i] for name, v in obs.items()} for i in range(parts)]
            for obs in cut
        )
        columns = zip(before, *rest[:2], after, rest[2], strict=True)
        return [Batch(*column) for column in columns]


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

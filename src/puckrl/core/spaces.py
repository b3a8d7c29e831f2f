"""Define what a task offers a policy: sensors, sizes, kinds of reward; plain values."""

from dataclasses import dataclass, field
from typing import Literal

RewardKind = Literal["sparse", "dense"]
"""sparse: 0 at the goal, else -1; dense: minus the distance to the goal."""


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
    goal_image: PixelSpace | None = None
    """Size of the image of a goal, a single frame; None: goals are vectors only."""
    fixed_goal: bool = False
    """Whether every episode has (almost) the same desired goal; only hindsight has others."""
    knows_success: bool = True
    """Whether a step says that the goal is reached; else only returns are known."""


@dataclass(frozen=True)
class HistorySpec:
    """What networks with memory need of an episode before a transition."""

    steps: int
    """Transitions that a batch takes from each sequence."""
    window: int
    """Longest sequence, in control steps; 0: the whole episode."""
    burn_in: int
    """First steps of a sequence that begins within an episode, from which no transition is
    taken."""

    def length(self, horizon: int) -> int:
        """Return the control steps of a sequence, L."""
        return min(self.window, horizon) if self.window else horizon

"""What a task promises about itself, so that ``puck check`` can hold it to that."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Landmark:
    """A point in the state that every episode starts with in a known box."""

    name: str
    """What it is: "gripper", "object"."""
    columns: tuple[int, ...]
    """Columns of the state that hold its coordinates."""
    low_m: tuple[float, ...]
    """Least coordinates at a reset."""
    high_m: tuple[float, ...]
    """Greatest coordinates at a reset."""


@dataclass(frozen=True)
class Sanity:
    """Bounds within which a task is believed; the defaults fit any task."""

    landmarks: tuple[Landmark, ...] = ()
    """Where things are after a reset."""
    rest_drift_m: float = 0.01
    """Farthest the achieved goal may go within a second of doing nothing."""
    moved_m: float = 0.01
    """An episode in which the achieved goal went farther than this counts as moved."""
    random_moved: tuple[float, float] = (0.02, 1.0)
    """Share of episodes that random play moves."""
    random_success: tuple[float, float] = (0.0, 0.3)
    """Success of random play: above, the task is trivial."""
    distinct_resets: tuple[float, float] = (0.9, 1.0)
    """Number of different resets, state and goal, as a share of all."""
    goal_spread: tuple[float, float] = (0.5, inf)
    """Standard deviation of the goals along their widest axis, in tolerances."""
    reset_success: tuple[float, float] = (0.0, 0.3)
    """Share of episodes that begin at their goal."""
    expert_success: tuple[float, float] = (0.8, 1.0)
    """Success of the scripted expert, if there is one."""


def around(
    name: str, columns: tuple[int, ...], at_m: tuple[float, ...], tol_m: float
) -> Landmark:
    """A landmark within ``tol_m`` of a point, along every axis."""
    low = tuple(x - tol_m for x in at_m)
    high = tuple(x + tol_m for x in at_m)
    return Landmark(name, columns, low, high)

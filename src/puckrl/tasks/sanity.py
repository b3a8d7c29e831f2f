"""State what a task promises about itself, for ``puck check`` to verify."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Landmark:
    """Name a point of the state that lies in a known box after every reset."""

    name: str
    """Name of the point: "gripper", "object"."""
    columns: tuple[int, ...]
    """Columns of the state that hold its coordinates."""
    low_m: tuple[float, ...]
    """Minimum coordinates after a reset."""
    high_m: tuple[float, ...]
    """Maximum coordinates after a reset."""


@dataclass(frozen=True)
class Sanity:
    """Bound the measurements of a sane task; the defaults fit any task."""

    landmarks: tuple[Landmark, ...] = ()
    """Points of the state after a reset."""
    rest_drift_m: float = 0.01
    """Maximum distance of the achieved goal after a second without action."""
    moved_m: float = 0.01
    """Distance from which on an episode has moved the achieved goal."""
    random_moved: tuple[float, float] = (0.02, 1.0)
    """Share of episodes in which random play moves the achieved goal."""
    random_success: tuple[float, float] = (0.0, 0.3)
    """Success of random play: above the upper bound, the task is trivial."""
    distinct_resets: tuple[float, float] = (0.9, 1.0)
    """Share of resets whose state and goal differ from all others."""
    goal_spread: tuple[float, float] = (0.5, inf)
    """Standard deviation of the goals along their widest axis, in tolerances."""
    reset_success: tuple[float, float] = (0.0, 0.3)
    """Share of episodes that begin at their goal."""
    expert_success: tuple[float, float] = (0.8, 1.0)
    """Success of the scripted expert, if there is one."""


def around(
    name: str, columns: tuple[int, ...], at_m: tuple[float, ...], tol_m: float
) -> Landmark:
    """Return a landmark within ``tol_m`` of a point along every axis."""
    low = tuple(x - tol_m for x in at_m)
    high = tuple(x + tol_m for x in at_m)
    return Landmark(name, columns, low, high)

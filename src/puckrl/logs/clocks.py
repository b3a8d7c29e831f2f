"""Judge whether a clock counts env steps, and tell clocks apart that one writer mixes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from puckrl.logs.events import Tag
from puckrl.logs.names import quoted
from puckrl.logs.producers import HOW_MANY, Unit
from puckrl.monitor.table import Array
from puckrl.monitor.verdict import Finding, Number

GOALS = ("eval/success", "train/success", "eval/return", "train/return")
"""What a run is judged by."""
_RATIO = 100.0  # updates per env step that no recipe makes
_APART = 3.0  # factor between clocks that are two
_FEW = 5


@dataclass(frozen=True)
class Clock:
    """Hold what is known of a log's clock."""

    name: str
    """Its name in the log."""
    unit: Unit
    """What it counts, by its name or by the library that wrote it."""
    sure: bool
    """Whether the user has said that it is env steps."""


def unknown_clock(clock: Clock, columns: Mapping[str, Array]) -> Finding | None:
    """Return the finding that a clock does not count env steps, or may not.

    Args:
        clock: by name.
        columns: the log under our names.
    """
    why = None if clock.sure else _doubt(clock, columns)
    if why is None:
        return None
    many = HOW_MANY.get(clock.unit, "N is the env steps of one")
    line = f"--map {quoted(clock.name + '=env_steps*N')}, where {many}"
    same = f"--map {quoted(clock.name + '=env_steps')} if it does count env steps"
    end = columns["env_steps"][-1]
    return Finding(
        "unknown clock",
        "yellow",
        f"{why}; say {line}; or {same}",
        f"say what the clock counts: {line}; or {same}",
        (Number(clock.name, float(end), "at the end"),),
    )


def _doubt(clock: Clock, columns: Mapping[str, Array]) -> str | None:
    """Return why a clock may not count env steps, None if nothing speaks against it."""
    steps = columns["env_steps"]
    name = f"the log's clock, {clock.name!r},"
    if clock.unit == "log calls":
        sparse = len(steps) and steps[-1] > max(20 * len(steps), 5000)
        return None if sparse else f"{name} counts log calls, not env steps"
    if clock.unit != "env steps":
        return f"{name} counts {clock.unit}, not env steps"
    goals = np.zeros(len(steps), dtype=bool)
    for goal in GOALS:
        goals |= np.isfinite(columns.get(goal, np.full(len(steps), np.nan)))
    gaps = np.diff(np.unique(steps[goals]))
    if len(gaps) >= _FEW and np.median(gaps) <= 1:
        return f"{name} goes up by 1 from one result to the next: it may not count env steps"
    updates = columns.get("updates", np.empty(0))
    known = np.isfinite(updates) & (steps > 0) if len(updates) else np.empty(0, bool)
    if known.any() and (ratio := (updates[known] / steps[known])[-1]) > _RATIO:
        return (
            f"{ratio:,.0f} updates for each step of {clock.name!r} cannot be: it may "
            "count thousands of env steps"
        )
    return None


@dataclass(frozen=True)
class Mixed:
    """Hold what is left of an event file's tags on one clock."""

    tags: Mapping[str, Tag]
    """Tags of the clock that is taken for env steps."""
    others: Mapping[str, Tag]
    """Tags of the other clock, by the writer's names."""


def parted(tags: Mapping[str, Tag], goals: frozenset[str]) -> Mixed:
    """Part an event file's tags by their clocks.

    One process writes one file: at each place in it, all tags have the same time. Tags
    whose steps differ by a factor there are on different clocks, such as epochs and env
    steps. A tag may even be on two.

    Args:
        tags: the scalars of one file.
        goals: tags by which a run is judged.

    Returns:
        The clock with the larger numbers as ``tags``; a tag on both keeps its larger part.
    """
    pieces = [(tag, piece) for tag, whole in tags.items() for piece in _monotone(whole)]
    if not pieces:
        return Mixed(tags, {})
    _, largest = max(pieces, key=lambda p: (p[1].steps[-1], len(p[1].steps)))
    fast: dict[str, Tag] = {}
    slow: dict[str, Tag] = {}
    for tag, piece in pieces:
        (fast if _together(piece, largest) else slow)[tag] = piece
    if not slow:
        return Mixed(tags, {})
    if goals & slow.keys() and not goals & fast.keys() and len(fast) < len(slow):
        return Mixed(slow, fast)
    return Mixed(fast, slow)


def _monotone(tag: Tag) -> list[Tag]:
    """Return a tag as one piece, or as two if it is logged over two clocks in turns."""
    steps = tag.steps
    if len(steps) < _FEW or (np.diff(steps) >= 0).all():
        return [tag]
    high = _high(steps)
    low, top = steps[~high], steps[high]
    apart = (
        len(low)
        and len(top)
        and (np.diff(low) >= 0).all()
        and (np.diff(top) >= 0).all()
    )
    if not apart:
        return [tag]
    before = np.maximum.accumulate(np.where(high, -np.inf, steps))[high]
    ratio = top / np.maximum(before, 1.0)
    if not (ratio > _APART).all():
        return [tag]
    return [tag.where(~high), tag.where(high)]


def _high(steps: Array) -> NDArray[np.bool_]:
    """Return which steps are above one that follows: they belong to the faster clock.

    The last of them has nothing behind it: it is high if it lies above the last high one.
    """
    later = np.minimum.accumulate(steps[::-1])[::-1]
    high = steps > later
    if high.any():
        high |= steps >= steps[high].max()
    return high


def _together(piece: Tag, other: Tag) -> bool:
    """Return whether two pieces of one file are on the same clock, by their places."""
    late = piece.place >= np.median(piece.place)
    late &= (piece.place >= other.place[0]) & (piece.place <= other.place[-1])
    at = np.interp(piece.place[late], other.place, other.steps)
    mine = piece.steps[late]
    both = (at > 0) & (mine > 0)
    if not both.any():
        return True
    ratio = float(np.median(mine[both] / at[both]))
    return 1 / _APART < ratio < _APART


def placed(mixed: Mixed, steps: float) -> Mixed:
    """Return all tags on the faster clock; a tag on both keeps its part on that one.

    Args:
        mixed: an event file with two clocks.
        steps: of the faster clock in one of the slower clock.
    """
    slow, fast = sorted((mixed.tags, mixed.others), key=_end)
    slow = {n: replace(t, steps=t.steps * steps) for n, t in slow.items()}
    return Mixed(slow | dict(fast), {})


def _end(tags: Mapping[str, Tag]) -> float:
    """Return the last step of some tags."""
    return max(float(tag.steps[-1]) for tag in tags.values())


def mixed_clocks(mixed: Mixed) -> Finding | None:
    """Return the finding that one writer logs over two clocks, None if it has one."""
    if not mixed.others:
        return None
    one, other = _listed(mixed.tags), _listed(mixed.others)
    return Finding(
        "unknown clock",
        "yellow",
        f"one writer with two clocks: {one}; {other}; the latter cannot be placed on the "
        "clock of the former and are left out",
        "log all over env steps; or say --map 'step=env_steps*N', where N is the env steps of "
        "one step of the slower clock",
        (Number("clocks in one file", 2.0),),
    )


def _listed(tags: Mapping[str, Tag]) -> str:
    """Return tags with the range of their clock."""
    low = min(float(tag.steps[0]) for tag in tags.values())
    high = max(float(tag.steps[-1]) for tag in tags.values())
    names = ", ".join([*tags][:4]) + (", ..." if len(tags) > 4 else "")
    return f"{names} from {low:,.0f} to {high:,.0f}"

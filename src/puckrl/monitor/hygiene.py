"""Check that a log is one run's: find second writers and restarts by the clocks alone.

    steps of one file   0 10 20 30 | 0 10 20      a second run was appended
                        0 10 20 30 | 20 30 40     resumed from a snapshot: the later rows count
                        0 10 0 20 10 30 20 40     two runs at the same time

A small step back is a resume, a step back to the beginning is another run, and many
steps back are two writers. Files of one folder are compared by the same signals only:
one process may write training and evaluation to two files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from puckrl.monitor.table import Array
from puckrl.monitor.verdict import Finding, Number

_RESTART = 0.5  # a resumed run continues in the later half of what was logged
_MANY = 3  # steps back that only two writers make


@dataclass(frozen=True)
class Stream:
    """Hold the clocks of one file, in the order of writing."""

    name: str
    """Name of the file."""
    steps: Mapping[str, Array]
    """Env steps of each signal's values, (n,)."""
    wall_s: Mapping[str, Array]
    """When they were written, seconds; NaN where unknown, (n,)."""
    purged_from: float | None = None
    """Step from which on the writer declared earlier values void: a resume."""


def examine(streams: Sequence[Stream]) -> list[Finding]:
    """Return what is wrong with a run's files; at most one finding of each name."""
    reasons: list[tuple[bool, str, Number]] = []
    for stream in streams:
        reasons += _within(stream)
    ordered = sorted(streams, key=_first_wall)
    for one, other in pairwise(ordered):
        reasons += _between(one, other)
    contaminated = [(text, number) for bad, text, number in reasons if bad]
    resumed = [(text, number) for bad, text, number in reasons if not bad]
    found = list[Finding]()
    if contaminated:
        advice = (
            "separate the files and judge each alone; give every run its own folder"
        )
        text = "; ".join(dict.fromkeys(t for t, _ in contaminated))
        found.append(
            Finding("contaminated log", "red", text, advice, (contaminated[0][1],))
        )
    if resumed:
        text = "; ".join(dict.fromkeys(t for t, _ in resumed))
        advice = "nothing: repeated steps count once, the later values are used"
        found.append(Finding("resumed log", "green", text, advice, (resumed[0][1],)))
    return found


def _within(stream: Stream) -> list[tuple[bool, str, Number]]:
    """Return the worst signal's steps back in a file: (contaminated, reason, number)."""
    worst: tuple[bool, str, Number] | None = None
    most = 0
    for steps in stream.steps.values():
        back = np.flatnonzero(np.diff(steps) < 0)
        if len(back) <= most:
            continue
        most = len(back)
        number = Number("steps back", float(most), stream.name)
        if most >= _MANY:
            worst = (True, f"{stream.name} interleaves two runs", number)
        elif any(_restarts(steps[: i + 1], steps[i + 1]) for i in back):
            worst = (True, f"a second run was appended to {stream.name}", number)
        else:
            worst = (False, f"{stream.name} was resumed", number)
    return [] if worst is None else [worst]


def _between(one: Stream, other: Stream) -> list[tuple[bool, str, Number]]:
    """Compare two files of one folder, the earlier one first."""
    for name in one.steps.keys() & other.steps.keys():
        first, second = one.steps[name], other.steps[name]
        if not len(first) or not len(second):
            continue
        names = f"{one.name} and {other.name}"
        overlap = float(one.wall_s[name][-1] - other.wall_s[name][0])
        if overlap > 0 and int((other.wall_s[name] < one.wall_s[name][-1]).sum()) > 1:
            number = Number("overlap in seconds", overlap)
            return [(True, f"{names} were written at the same time", number)]
        number = Number("env steps where the later file begins", float(second[0]))
        if other.purged_from is None and _restarts(first, second[0]):
            return [(True, f"{names} both start at the beginning: two runs", number)]
        return [(False, f"{other.name} continues where {one.name} stopped", number)]
    return []


def _restarts(before: Array, now: float) -> bool:
    """Return whether a step back goes too far for a resume."""
    return bool(now < _RESTART * before.max())


def _first_wall(stream: Stream) -> float:
    """Return when a file begins; unknown counts as first."""
    starts = [float(wall[0]) for wall in stream.wall_s.values() if len(wall)]
    return min(starts, default=0.0) if np.isfinite(starts).all() else 0.0

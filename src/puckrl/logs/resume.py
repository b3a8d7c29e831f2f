"""Link the logs of one run that several processes wrote, by clocks that go on."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from puckrl.logs.clocks import GOALS
from puckrl.logs.facts import inferred
from puckrl.logs.log import RunLog
from puckrl.monitor.table import Array, RunTable
from puckrl.monitor.verdict import Finding, Number

_OVERLAP, _GAP = 0.02, 0.1  # of the env steps where the earlier log ends
_ROWS = 5  # rows by which a log that goes on begins late


def linked(logs: Sequence[RunLog]) -> list[RunLog]:
    """Return logs, those that go on where another one stopped joined to it.

    Only logs of one folder are linked, such as SAC_1 and SAC_2. Of several that may come
    before, the one with the same name and the next lower number counts; without one,
    the log is left alone.
    """
    found = list(logs)
    for later in sorted(logs, key=_order):
        before = [log for log in found if log is not later and _goes_on(log, later)]
        alike = [log for log in before if _stem(log) == _stem(later)]
        if not before or (len(before) > 1 and not alike):
            continue
        earlier = max(alike or before, key=_order)
        found[found.index(earlier)] = _joined(earlier, later)
        found.remove(later)
    return found


def _stem(log: RunLog) -> str:
    """Return a log's first name without its number."""
    return re.sub(r"\d+$", "", log.name.rpartition(" -> ")[2])


def _order(log: RunLog) -> tuple[str, int]:
    """Return a key that sorts SAC_2 before SAC_10."""
    name = log.name.rpartition(" -> ")[2]
    digits = re.search(r"\d+$", name)
    return _stem(log), int(digits[0]) if digits else 0


def _goes_on(earlier: RunLog, later: RunLog) -> bool:
    """Return whether a log begins where another one ends."""
    if earlier.path.parent != later.path.parent or earlier.settings or later.settings:
        return False
    if earlier.path == later.path:  # a column of the table tells them apart
        return False
    if any(f.name != "resumed log" for log in (earlier, later) for f in log.problems):
        return False
    if not any(name in earlier.table and name in later.table for name in GOALS):
        return False
    steps, end = later.table.columns["env_steps"], earlier.table.end
    if len(steps) < 2 or len(earlier.table.columns["env_steps"]) < 2:
        return False
    row = float(np.median(np.diff(steps)))
    begin = float(steps[0])
    near = end * (1 - _OVERLAP) <= begin <= end + max(_GAP * end, _ROWS * row)
    return near and begin > _ROWS * row and later.table.end > end


def _joined(earlier: RunLog, later: RunLog) -> RunLog:
    """Return two logs as one run; clocks that began again go on."""
    one, other = earlier.table.columns, later.table.columns
    begin = float(other["env_steps"][0])
    keep = one["env_steps"] < begin
    sizes = int(keep.sum()), len(other["env_steps"])
    columns: dict[str, Array] = {}
    for name in {**one, **other}:
        first = one[name][keep] if name in one else np.full(sizes[0], np.nan)
        second = other[name] if name in other else np.full(sizes[1], np.nan)
        if name in ("updates", "episodes", "wall_s", "train_s", "total_s"):
            second = _on(first, second)
        columns[name] = np.concatenate([first, second])
    counts = dict(earlier.table.not_finite)
    for name, count in later.table.not_finite.items():
        counts[name] = counts.get(name, 0) + count
    at = (*earlier.table.resumed_at, begin, *later.table.resumed_at)
    return inferred(
        dataclasses.replace(
            earlier,
            name=f"{earlier.name} -> {later.name}",
            table=RunTable(columns, counts, at),
            problems=(*earlier.problems, _resumed(earlier, later, begin)),
            unmapped=tuple(sorted({*earlier.unmapped, *later.unmapped})),
            names=earlier.names | later.names,
            notes=(*earlier.notes, *later.notes),
        )
    )


def _on(first: Array, second: Array) -> Array:
    """Return a counter that goes on from another one, where it began again."""
    before, after = first[np.isfinite(first)], second[np.isfinite(second)]
    if len(before) and len(after) and after[0] < before[-1]:
        return second + before[-1]
    return second


def _resumed(earlier: RunLog, later: RunLog, begin: float) -> Finding:
    """Return the finding that one log goes on from another."""
    end = Number("env steps where the earlier log ends", earlier.table.end)
    return Finding(
        "resumed log",
        "green",
        f"{later.name} goes on from {earlier.name}, at {begin:,.0f} env steps",
        "nothing: they are judged as one run",
        (end,),
    )

"""Tell whether a table mixes the rows of several runs, where no column says so."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from puckrl.logs.clocks import GOALS
from puckrl.logs.producers import Producer
from puckrl.monitor.table import Array
from puckrl.monitor.verdict import Finding, Number

_FEW = 5  # steps that are no pattern
_MOST = 0.8  # share of the steps that makes one
_TURNS, _LEAP = 20, 0.2  # rows, and change of success from each to the next


def several_runs(
    file: str, columns: Mapping[str, Array], producer: Producer | None
) -> tuple[Finding, ...]:
    """Return the finding that a table mixes several runs; none if it does not.

    Each step has several values of one signal, or success leaps to and fro between two
    curves. Returns count where the library averages them: single episodes of several
    worlds may end at one step.

    Args:
        file: its name.
        columns: the table under our names, in the order of writing.
        producer: the library that wrote it, if it is known.
    """
    averages = producer is not None and (producer.window or 0) > 1
    for name in GOALS if averages else GOALS[:2]:
        if name not in columns:
            continue
        have = np.isfinite(columns[name])
        steps, values = columns["env_steps"][have], columns[name][have]
        if np.isin(values, (0.0, 1.0)).all():  # episodes, one a row
            continue
        several = _at_each_step(steps, values)
        if several > 1:
            return (
                _finding(file, f"{several} values of {name} at each step", several),
            )
        if name in GOALS[:2] and _takes_turns(values):
            why = f"two curves of {name} in turns, row by row"
            return (_finding(file, why, 2),)
    return ()


def _at_each_step(steps: Array, values: Array) -> int:
    """Return how many values each step has; 1 where they are repetitions of one.

    A value may be repeated until the next one comes, in the rows of other signals.
    """
    if len(steps) < 2 * _FEW:
        return 1
    _, counts = np.unique(steps, return_counts=True)
    several = int(np.median(counts))
    if len(counts) < _FEW or several < 2 or np.mean(counts == several) <= _MOST:
        return 1
    order = np.argsort(steps, kind="stable")
    groups = np.split(values[order], np.cumsum(counts)[:-1])
    differ = np.mean([np.ptp(group) > 0 for group in groups])
    carried = np.mean([a[-1] == b[0] for a, b in pairwise(groups)])
    return several if differ > 1 - _MOST and carried < _MOST else 1


def _takes_turns(values: Array) -> bool:
    """Return whether success goes up and down with each row, between two curves.

    No average over episodes does: its neighbors are nearer than the rows after them.
    """
    late = values[len(values) // 2 :]
    if len(late) < _TURNS:
        return False
    one, two = np.diff(late), np.abs(late[2:] - late[:-2])
    turns = np.mean(one[1:] * one[:-1] < 0)
    leap = float(np.median(np.abs(one)))
    return bool(turns > 0.9 and leap > _LEAP and np.median(two) < 0.3 * leap)


def _finding(file: str, what: str, runs: int) -> Finding:
    return Finding(
        "several runs",
        "red",
        f"{file} holds {what}, and no column tells the runs apart",
        "add a column that tells them apart, such as seed; or a file for each",
        (Number("runs", float(runs)),),
    )

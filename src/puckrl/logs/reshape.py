"""Bring tables of other shapes to one row a step: long ones, and those of one signal.

step,metric,value                step,eval/success,train/loss
1000,eval/success,0.1     ->     1000,0.1,0.7
1000,train/loss,0.7
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from puckrl.logs.frame import Frame, Words
from puckrl.logs.names import Mapped, meaning, ours
from puckrl.monitor.table import Array

_NAMES = frozenset(("tag", "metric", "metrics", "name", "variable", "key", "signal"))
_VALUES = frozenset(("value", "values", "val"))
_TAG = re.compile(r"^.*?-tag-")  # what TensorBoard's download puts before the tag
CLOCKS = ("env_steps", "episodes", "updates")
"""Our names of what may be the clock of a table, the best first."""


def names_signals(column: str) -> bool:
    """Return whether a column may hold the names of signals."""
    return column.strip().lower() in _NAMES


def holds_values(column: str) -> bool:
    """Return whether a column may hold the values of signals that another one names."""
    return column.strip().lower() in _VALUES


def wide(frame: Frame, stem: str, mapping: Mapped) -> Frame:
    """Return a table with a column for each signal; others as they are.

    Args:
        frame: a table, perhaps with a column of values whose signals another column, or
            the name of the file, names.
        stem: name of its file, without the ending.
        mapping: the --map option.
    """
    value = next((n for n in frame.columns if holds_values(n)), None)
    clock = next(_clocks(frame, mapping), None)
    if value is None or clock is None or value in mapping:
        return frame
    for tags in (n for n in frame.words if names_signals(n)):
        if any(meaning(label, mapping) for label in frame.words[tags].labels):
            return _spread(frame, clock, tags, value)
    tag = _TAG.sub("", stem)
    if ours(tag, mapping) is None:
        return frame
    names = {n: n for n in frame.columns if n != value} | {tag: value}
    return replace(frame.only(names), words=frame.words)


def _clocks(frame: Frame, mapping: Mapped) -> Iterator[str]:
    """Yield the columns that count, env steps first."""
    known = {n: ours(n, mapping) for n in frame.columns}
    for kind in CLOCKS:
        yield from (n for n, mine in known.items() if mine == kind)


def _spread(frame: Frame, clock: str, tags: str, value: str) -> Frame:
    """Return a long table as a wide one: a row for each run and step, steps in order.

    The second value of a signal at a step of a run stands in a row behind all first ones:
    two runs that no column tells apart are seen by their clock.
    """
    kept = np.isfinite(frame.columns[clock]) & (frame.words[tags].codes >= 0)
    labels, tag = frame.words[tags].labels, frame.words[tags].codes[kept]
    told = {n: w for n, w in frame.words.items() if not names_signals(n)}
    parts = [frame.columns[clock], *(w.codes.astype(np.float64) for w in told.values())]
    runs: Array = np.stack([part[kept] for part in parts], axis=1)
    _, place = np.unique(runs, axis=0, return_inverse=True)
    again = _occurrence(place.reshape(-1) * len(labels) + tag)
    keys = np.column_stack([again, runs[:, 1:], runs[:, :1]])
    rows, at = np.unique(keys, axis=0, return_inverse=True)
    values = frame.columns[value][kept]
    columns = {clock: rows[:, -1]}
    for code, label in enumerate(labels):
        mine = tag == code
        columns[label] = np.full(len(rows), np.nan)
        columns[label][at.reshape(-1)[mine]] = values[mine]
    words = {
        name: Words(word.labels, rows[:, 1 + i].astype(np.int64))
        for i, (name, word) in enumerate(told.items())
    }
    names = frozenset((clock, *labels, *words))
    notes = (*frame.notes, f"a long table: {tags} names the signals of {value}")
    return Frame(columns, words=words, names=names, rows=len(rows), notes=notes)


def _occurrence(keys: NDArray[np.int64]) -> Array:
    """Return how many equal keys stand before each, (n,)."""
    order = np.argsort(keys, kind="stable")
    _, first, counts = np.unique(keys[order], return_index=True, return_counts=True)
    found = np.empty(len(keys))
    found[order] = np.arange(len(keys)) - np.repeat(first, counts)
    return found


def oldest_first(
    columns: dict[str, Array],
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Return columns in the order of time, and a note if they stood the other way round.

    Args:
        columns: under our names, with env_steps.
    """
    back = np.diff(columns["env_steps"])
    if len(back) < 2 or (back > 0).any() or not (back < 0).any():
        return columns, ()
    note = "the newest row stood first: read from the last row up"
    return {name: values[::-1] for name, values in columns.items()}, (note,)

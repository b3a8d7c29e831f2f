"""Read success as a share: what may be one, what is none, and what the user is asked."""

from collections.abc import Mapping, Sequence

import numpy as np

from puckrl.logs.aliases import (
    called_success,
    in_percent,
    is_evaluation,
    surely_success,
)
from puckrl.logs.frame import Frame
from puckrl.logs.names import Named, Renaming, quoted
from puckrl.logs.producers import Producer
from puckrl.monitor.table import Array
from puckrl.monitor.verdict import Finding, Number

SHARES = ("eval/success", "train/success")
"""Our names of success."""
_RETURNS = ("eval/return", "train/return")
_LOST = 0.03  # share of the rows whose loss is no detail
_EDGE = 1e-6


def guessed(frame: Frame, producer: Producer | None) -> tuple[str, Named] | None:
    """Return the column whose name says that it is success, and its numbers allow it.

    Percent are divided by 100 where the name says so, however small they are. Leaves out
    what the library calls success and means something else by.
    """
    fit = [
        name
        for name, values in frame.columns.items()
        if surely_success(name)
        and (producer is None or producer.says(name) is None)
        and _lies(values, 100.0 if in_percent(name) else 1.0)
    ]
    if not fit:
        return None
    name = min(fit, key=lambda n: (not is_evaluation(n), len(n), n))
    scale = 0.01 if in_percent(name) else 1.0
    return name, Named(Renaming(_ours(name), scale), "env steps", (8, 0))


def said(name: str, named: Named) -> str:
    """Return the note that a column was read because of its name."""
    percent = ", in percent" if named.renaming.scale != 1 else ""
    return f"{name} was taken for {named.renaming.ours}{percent}, by its name"


def _ours(name: str) -> str:
    return SHARES[0] if is_evaluation(name) else SHARES[1]


def _lies(values: Array, top: float) -> bool:
    """Return whether numbers lie in [0, top], and there are some."""
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > -_EDGE and known.max() < top + _EDGE)


def without_sentinels(columns: dict[str, Array], old: Mapping[str, str]) -> list[str]:
    """Take a negative number that stands for "not measured" out of successes; say so.

    It does where all other values are shares, and it is the same whole number each time.
    """
    notes: list[str] = []
    for name in SHARES:
        values = columns.get(name, np.empty(0))
        negative = values < -_EDGE
        marks = np.unique(values[negative])
        if len(marks) != 1 or marks[0] != round(marks[0]):
            continue
        if _lies(values[~negative], 1.0):
            columns[name] = np.where(negative, np.nan, values)
            count = int(negative.sum())
            notes.append(
                f"{old[name]} is {marks[0]:g} in {count:,} rows: taken for not measured"
            )
    return notes


def without_nan(
    columns: dict[str, Array], old: Mapping[str, str], frame: Frame
) -> list[str]:
    """Take successes that are NaN in all rows out where returns can be judged; say so."""
    notes: list[str] = []
    known = any(np.isfinite(columns.get(n, np.nan)).any() for n in _RETURNS)
    for name in SHARES:
        nothing = name in columns and not np.isfinite(columns[name]).any()
        if known and nothing and old[name] not in frame.unread:
            rows = len(columns.pop(name))
            notes.append(
                f"{old[name]} is NaN in each of {rows} rows: returns are judged"
            )
    return notes


def rows_lost(frame: Frame, clock: str, shares: Sequence[str]) -> list[Finding]:
    """Return findings on a clock and successes that are unread in more than a few rows.

    Args:
        frame: the columns under their names.
        clock: the column of the clock.
        shares: the columns of success.
    """
    found: list[Finding] = []
    for name in (clock, *shares):
        unread = frame.unread.get(name)
        lost = (unread.cells if unread else 0) + frame.too_long
        rows = frame.rows + frame.too_long
        if lost <= _LOST * rows:
            continue
        why = f"{name}, {unread}" if unread else "they have more cells than the header"
        found.append(
            Finding(
                "unknown clock" if name == clock else "unread success",
                "yellow",
                f"{lost:,} of {rows:,} rows are left out: {why}",
                "write these cells as plain numbers and judge again",
                (Number("rows left out", float(lost), f"of {rows:,}"),),
            )
        )
    return found[:1]


def not_shares(
    columns: Mapping[str, Array], old: Mapping[str, str], frame: Frame
) -> dict[str, Finding]:
    """Return findings on successes that are no shares, by our name."""
    found: dict[str, Finding] = {}
    for name in SHARES:
        values = columns.get(name, np.empty(0))
        known = values[np.isfinite(values)]
        if len(known) and not (known.min() > -1e-6 and known.max() < 1 + 1e-6):
            top = float(known.max())
            found[name] = _unread(
                f"{old[name]} goes from {known.min():g} to {top:g}; a share must lie in [0, 1]",
                f"if it is in percent, read it with {_line(old[name], name, top)}"
                if top <= 100 + 1e-6
                else f"name another column with --map NAME={name}",
                top,
            )
        elif name in columns and not len(known):
            cell = frame.unread.get(old[name])
            found[name] = _unread(
                f"{old[name]}, {cell}"
                if cell
                else f"{old[name]} is NaN in each of {len(values)} rows",
                f"name another column with --map NAME={name}",
                np.nan,
            )
    return found


def unread_success(
    where: str, frame: Frame, columns: Mapping[str, Array], old: Mapping[str, str]
) -> Finding | None:
    """Return the finding that a column is called success and is not read."""
    if any(name in columns for name in SHARES):
        return None
    left = [n for n in frame.names - set(old.values()) if called_success(n)]
    if not left:
        return None
    name = min(left, key=lambda n: (not is_evaluation(n), len(n), n))
    values = frame.columns.get(name, np.empty(0))
    known = values[np.isfinite(values)]
    top = float(known.max()) if len(known) else 1.0
    ours = "eval/success" if is_evaluation(name) else "train/success"
    line = _line(name, ours, top)
    return _unread(
        f"{where} has {name}, which is not read", f"read it with {line}", top
    )


def _line(theirs: str, ours: str, top: float) -> str:
    """Return the option that reads a column."""
    percent = in_percent(theirs) or 1 + 1e-6 < top <= 100 + 1e-6
    pair = f"{theirs}={ours}" + ("%" if percent else "")
    return f"--map {quoted(pair)}"


def _unread(why: str, do: str, top: float) -> Finding:
    """Return the finding that a success rate is in the log and is left out."""
    numbers = (Number("maximum", top),) if np.isfinite(top) else ()
    return Finding("unread success", "yellow", f"{why}; {do}", do, numbers)

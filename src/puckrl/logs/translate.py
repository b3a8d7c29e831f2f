"""Translate a file's columns to ours: names, units, clock; and what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from puckrl.core.errors import UserError
from puckrl.logs.aliases import CLOCKS
from puckrl.logs.clocks import GOALS, Clock, unknown_clock
from puckrl.logs.frame import Frame
from puckrl.logs.known import recognize
from puckrl.logs.names import Mapped, Named, meaning, ours, quoted
from puckrl.logs.producers import Producer
from puckrl.logs.reshape import oldest_first
from puckrl.logs.shares import (
    SHARES,
    guessed,
    not_shares,
    rows_lost,
    said,
    unread_success,
    without_nan,
    without_sentinels,
)
from puckrl.logs.split import tells_runs
from puckrl.monitor.table import Array
from puckrl.monitor.verdict import Finding


@dataclass(frozen=True)
class Translated:
    """Hold a log under our names."""

    columns: Mapping[str, Array]
    """Name -> (rows,), in the order of writing; ``env_steps`` is finite."""
    not_finite: Mapping[str, int]
    """How often a number was logged as NaN or infinite."""
    problems: tuple[Finding, ...]
    """What its names and units leave open."""
    unmapped: tuple[str, ...]
    """Names that mean nothing to us."""
    notes: tuple[str, ...]
    """What could not be read, and what was guessed."""
    producer: Producer | None
    """The library that wrote it."""


def translated(
    where: str,
    frame: Frame,
    mapping: Mapped,
    context: str = "",
    step: Clock | None = None,
) -> Translated:
    """Return a frame under our names.

    Args:
        where: file, and run in it, for messages.
        frame: the columns under their names.
        mapping: the --map option.
        context: "eval" or "train" if the file's name says so, else empty.
        step: the clock of an event file, whose column is called ``step``.

    Raises:
        UserError: if no column is the clock, or it does not move.
    """
    producer = recognize(frame.names)
    chosen = _chosen(frame, mapping, producer, context)
    guess = None if chosen.keys() & set(SHARES) else guessed(frame, producer)
    if guess is not None:
        chosen[guess[1].renaming.ours] = guess
    theirs, named = _clock_of(where, frame, chosen)
    columns = _under_our_names(frame, chosen, theirs, named)
    _moves(where, theirs, columns["env_steps"])
    columns, order = oldest_first(columns)
    clock = step or Clock(theirs, named.unit, theirs in mapping)
    doubt = unknown_clock(clock, columns) if len(columns["env_steps"]) else None
    old = {ours: name for ours, (name, _) in chosen.items()}
    gaps = without_sentinels(columns, old) + without_nan(columns, old, frame)
    wrong = not_shares(columns, old, frame)
    for name in wrong:
        del columns[name]
    if not wrong and (found := unread_success(where, frame, columns, old)):
        wrong[found.name] = found
    used = {name for name, _ in chosen.values()} | {theirs}
    return Translated(
        columns,
        {o: frame.not_finite[n] for o, n in old.items() if frame.not_finite.get(n)},
        (
            *wrong.values(),
            *([doubt] if doubt else []),
            *rows_lost(frame, theirs, [old[n] for n in SHARES if n in columns]),
        ),
        tuple(
            n
            for n in sorted(frame.names - used - frame.words.keys())
            if not tells_runs(n)
        ),
        (
            *_notes(frame, theirs, used),
            *order,
            *gaps,
            *([said(*guess)] if guess else []),
        ),
        producer,
    )


def _under_our_names(
    frame: Frame, chosen: Mapping[str, tuple[str, Named]], clock: str, named: Named
) -> dict[str, Array]:
    """Return the chosen columns where the clock is known, in our units."""
    steps = frame.columns[clock] * named.renaming.scale
    there = np.isfinite(steps)
    return {"env_steps": steps[there]} | {
        name: frame.columns[theirs][there] * means.renaming.scale
        for name, (theirs, means) in chosen.items()
        if name != "env_steps"
    }


def _chosen(
    frame: Frame, mapping: Mapped, producer: Producer | None, context: str
) -> dict[str, tuple[str, Named]]:
    """Return for each of our names the column that gives it, and what that means.

    Of several columns the first in rank counts; columns without a number come last.
    """
    best: dict[str, tuple[tuple[bool, tuple[int, int]], str, Named]] = {}
    for name, values in frame.columns.items():
        named = meaning(name, mapping, producer, context)
        if named is None:
            continue
        rank = (not np.isfinite(values).any(), named.rank)
        ours = named.renaming.ours
        if ours not in best or rank < best[ours][0]:
            best[ours] = (rank, name, named)
    return {ours: (name, named) for ours, (_, name, named) in best.items()}


def _clock_of(
    where: str, frame: Frame, chosen: Mapping[str, tuple[str, Named]]
) -> tuple[str, Named]:
    """Return the column of the clock: env steps, or what else counts.

    Raises:
        UserError: if there is none.
    """
    for clock in ("env_steps", "episodes", "updates"):
        if clock in chosen:
            name, named = chosen[clock]
            if name in frame.unread and not np.isfinite(frame.columns[name]).any():
                raise UserError(f"{where}: {name}, {frame.unread[name]}")
            unit = named.unit if clock == "env_steps" else clock
            return name, Named(named.renaming, unit, named.rank)
    raise no_clock(where, frame)


def no_clock(where: str, frame: Frame) -> UserError:
    """Return the error for a log whose env steps are unknown.

    Names the columns that may be the clock first: whole numbers that never fall, and rise.
    """
    rising = [
        name
        for name, values in frame.columns.items()
        if len(known := values[np.isfinite(values)]) > 1
        and (np.diff(known) >= 0).all()
        and known[-1] > known[0] >= 0
        and (known == np.round(known)).all()
        and ours(name, {}) is None
    ]
    others = [name for name in sorted(frame.names) if name not in rising]
    shown = ", ".join([*rising, *others][:12])
    example = rising[0] if rising else "NAME"
    return UserError(
        f"{where} has no column of env steps; name it with --map "
        f"{quoted(example + '=env_steps')}; "
        f"it has: {shown}"
    )


def _moves(where: str, name: str, steps: Array) -> None:
    """Refuse a clock that stands.

    Raises:
        UserError: if it does, or has no number.
    """
    if not len(steps):
        raise UserError(f"{where}: {name} holds no number")
    if float(steps.max()) < 0:
        raise UserError(
            f"{where}: {name} is below 0 in each row, from {steps[0]:g} to {steps[-1]:g}; a "
            "clock counts up from 0; name another with --map NAME=env_steps"
        )
    if len(steps) > 2 and np.ptp(steps) == 0:
        raise UserError(
            f"{where}: {name} is {steps[0]:g} in each of {len(steps)} rows: the clock stands; "
            "name another with --map NAME=env_steps"
        )


def _notes(frame: Frame, clock: str, used: set[str]) -> list[str]:
    """Return what could not be read in the columns that are used."""
    long = f"{frame.too_long:,} rows with more cells than the header's"
    dots = (
        f"{clock}: dots were read as decimal ones; if they group thousands, say --map "
        f"'{clock}=env_steps*1000'"
    )
    return [
        *([long] if frame.too_long else []),
        *frame.notes,
        *([dots] if clock in frame.dotted else []),
        *(f"{n}, {cells}" for n, cells in frame.unread.items() if n in used),
    ]


def has_goal(columns: Mapping[str, Array]) -> bool:
    """Return whether a log holds what a run is judged by."""
    return any(name in columns for name in GOALS)


def is_clock(name: str) -> bool:
    """Return whether a plain name is that of a clock."""
    return name.strip().lower() in CLOCKS

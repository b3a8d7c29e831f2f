"""Hold one run's log after reading, and what becomes of rows that were overwritten."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.hygiene import Stream
from puckrl.monitor.table import Array, RunTable
from puckrl.monitor.verdict import Finding

Kind = Literal[
    "puckrl", "tensorboard", "sb3 monitor", "sb3 evaluations", "csv", "json lines"
]


@dataclass(frozen=True)
class RunLog:
    """Hold what a path contained."""

    name: str
    """Name of the folder or of the exported run, for titles."""
    path: Path
    """Path that it was read from."""
    kinds: tuple[Kind, ...]
    """Formats that it came in."""
    table: RunTable
    """The numbers under our names, by env steps."""
    problems: tuple[Finding, ...] = ()
    """What is wrong with the log itself."""
    unmapped: tuple[str, ...] = ()
    """Signals that have no name of ours."""
    facts: RunFacts = field(default_factory=RunFacts)
    """What the folder and the numbers say of the run."""
    settings: Mapping[str, Any] | None = None
    """The whole configuration by dotted names; None: unknown."""
    names: frozenset[str] = frozenset()
    """All names in the log."""
    notes: tuple[str, ...] = ()
    """What could not be read, and what was guessed."""
    empty: bool = False
    """Whether it has no row yet."""


def no_table() -> RunTable:
    """Return a table without rows."""
    return RunTable({"env_steps": np.empty(0)})


def unreadable(reason: str) -> Finding:
    """Return the finding for a run that cannot be judged."""
    return Finding(
        "unreadable log", "yellow", reason, "repair the log, or leave it out"
    )


def without_overwritten(
    columns: Mapping[str, Array],
) -> tuple[dict[str, Array], tuple[float, ...]]:
    """Return columns without rows that a later step back overwrote, and where it went on.

    Args:
        columns: in the order of writing, with env_steps.
    """
    steps = columns["env_steps"]
    back = np.flatnonzero(np.diff(steps) < 0) + 1
    if not len(back):
        return dict(columns), ()
    again = np.full(len(steps) + 1, np.inf)
    again[back] = steps[back]
    later = np.minimum.accumulate(again[::-1])[::-1][1:]
    keep = steps < later
    return {n: values[keep] for n, values in columns.items()}, tuple(
        steps[back].tolist()
    )


def stream(name: str, columns: Mapping[str, Array]) -> Stream:
    """Return the clocks of a table, in the order of writing, for the contamination check."""
    steps = columns["env_steps"]
    walls = columns.get("wall_s", np.full(len(steps), np.nan))
    return Stream(name, {name: steps}, {name: walls})

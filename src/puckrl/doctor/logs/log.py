"""Hold one run's log after reading, and join rows of several files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.hygiene import Stream
from puckrl.monitor.table import RunTable, from_rows
from puckrl.monitor.verdict import Finding
from puckrl.training.sinks import LogRow

Kind = Literal["puckrl", "tensorboard", "sb3 csv", "sb3 monitor", "wandb", "csv"]


@dataclass(frozen=True)
class RunLog:
    """Hold what a path contained."""

    name: str
    """Name of the folder or of the exported run, for titles."""
    path: Path
    """Path that it was read from."""
    kinds: tuple[Kind, ...]
    """Formats that it came in."""
    rows: Sequence[LogRow]
    """Rows under our names, by env steps."""
    problems: tuple[Finding, ...] = ()
    """What is wrong with the log itself."""
    unmapped: tuple[str, ...] = ()
    """Signals that have no name of ours."""
    facts: RunFacts = field(default_factory=RunFacts)
    """What the folder and the numbers say of the run."""
    settings: Mapping[str, Any] | None = None
    """The whole configuration by dotted names; None: unknown."""

    @property
    def table(self) -> RunTable:
        """Return the rows as columns."""
        return from_rows(self.rows)


def unreadable(reason: str) -> Finding:
    """Return the finding for a run that cannot be judged."""
    return Finding(
        "unreadable log", "yellow", reason, "repair the log, or leave it out"
    )


def merged(parts: Iterable[Iterable[LogRow]]) -> list[LogRow]:
    """Return one row per step of several sources; of two values the later one counts.

    Args:
        parts: sources in the order of writing, the least trusted first.
    """
    at: dict[float, LogRow] = {}
    for rows in parts:
        for row in rows:
            steps = row.get("env_steps", np.nan)
            if np.isfinite(steps):
                at.setdefault(float(steps), {}).update(row)
    return [at[steps] for steps in sorted(at)]


def without_overwritten(rows: Sequence[LogRow]) -> list[LogRow]:
    """Return rows in file order, without those that a later step back overwrote."""
    kept: list[LogRow] = []
    for row in rows:
        back = bool(kept) and row["env_steps"] < kept[-1]["env_steps"]
        while back and kept and kept[-1]["env_steps"] >= row["env_steps"]:
            kept.pop()
        kept.append(row)
    return kept


def stream(name: str, rows: Sequence[LogRow], wall: str = "wall_s") -> Stream:
    """Return the clocks of a file's rows, for the contamination check."""
    steps = np.array([row["env_steps"] for row in rows], dtype=np.float64)
    times = np.array([row.get(wall, np.nan) for row in rows], dtype=np.float64)
    return Stream(name, {"rows": steps}, {"rows": times})

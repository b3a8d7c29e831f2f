"""One run's log after reading, and how rows are put together."""

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
    """What a path held."""

    name: str
    """For titles: the folder's or the exported run's name."""
    path: Path
    """Where it was read from."""
    kinds: tuple[Kind, ...]
    """Which formats it came in."""
    rows: Sequence[LogRow]
    """Rows under our names, by env steps."""
    problems: tuple[Finding, ...] = ()
    """What is wrong with the log itself."""
    unmapped: tuple[str, ...] = ()
    """Signals that have no name of ours."""
    facts: RunFacts = field(default_factory=RunFacts)
    """What the folder says of the run."""
    settings: Mapping[str, Any] | None = None
    """The whole configuration, flat; None: unknown."""

    @property
    def table(self) -> RunTable:
        """The rows as columns."""
        return from_rows(self.rows)


def unreadable(reason: str) -> Finding:
    """Why nothing can be said of a run."""
    return Finding("unreadable log", "yellow", reason, "mend the log, or leave it out")


def merged(parts: Iterable[Iterable[LogRow]]) -> list[LogRow]:
    """Rows of several sources as one row per step; of two values the later one counts.

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
    """Rows in file order, less those that a later step back made void."""
    kept: list[LogRow] = []
    for row in rows:
        back = bool(kept) and row["env_steps"] < kept[-1]["env_steps"]
        while back and kept and kept[-1]["env_steps"] >= row["env_steps"]:
            kept.pop()
        kept.append(row)
    return kept


def stream(name: str, rows: Sequence[LogRow], wall: str = "wall_s") -> Stream:
    """The clocks of a file's rows, for the contamination check."""
    steps = np.array([row["env_steps"] for row in rows], dtype=np.float64)
    times = np.array([row.get(wall, np.nan) for row in rows], dtype=np.float64)
    return Stream(name, {"rows": steps}, {"rows": times})

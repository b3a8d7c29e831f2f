"""Follow logs of other libraries, as far as the doctor reads them.

Such a log is read as a whole when it has changed: formats differ too much to go on in the
middle of a file. ``Due`` keeps the cost below a share of the time.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from puckrl.doctor.consult import named
from puckrl.logs.facts import with_facts
from puckrl.logs.folders import logs_in
from puckrl.logs.log import RunLog
from puckrl.logs.names import Mapped
from puckrl.logs.read import read_or_excuse
from puckrl.logs.resume import linked
from puckrl.monitor.regime import diagnose
from puckrl.web import files
from puckrl.web.view import (
    CLOCKS,
    MEASURES,
    Curves,
    RunRow,
    RunStory,
    curves_of,
    newest,
    number,
    spark,
    told,
)

_SHARE = 0.05  # of one core, at most
_LEAST_S = 3.0
_BROKEN = ("unreadable log", "unread success", "unknown clock")


class ForeignRun:
    """Hold what a log of another library said when it was read last.

    Args:
        log: one run.
        facts: ``name=value`` facts that the log does not hold.
    """

    def __init__(self, log: RunLog, facts: Sequence[str] = ()) -> None:
        self.id = hashlib.sha256(
            f"{log.path.resolve()} {log.name}".encode()
        ).hexdigest()[:10]
        self.path = log.path
        table = log.table
        verdict = diagnose(table, with_facts(log.facts, facts), log.problems)
        shown = {} if log.empty else told(verdict)
        name = next((n for n in MEASURES if n in table), None)
        columns = table.columns
        self.row = RunRow(
            id=self.id,
            name=log.name,
            path=str(log.path),
            kind=log.facts.producer or " + ".join(log.kinds) or "log",
            status="log",
            group=self.id,
            ended_by=_excuse(log),
            phase=shown.get("phase"),
            color=shown.get("color"),
            words=shown.get("words"),
            measure=name,
            success=verdict.success,
            spark=spark(columns["env_steps"], columns[name]) if name else {},
            rows=len(columns["env_steps"]),
            env_steps=_last(columns.get("env_steps")),
            updates=_last(columns.get("updates")),
            train_s=_last(columns.get("train_s")),
            wall_s=_last(columns.get("wall_s")),
        )
        names = [n for n in columns if n not in CLOCKS]
        self._curves: Curves = curves_of(columns, names)
        left = [f"not read: {', '.join(log.unmapped)} (--map THEIRS=OURS)"]
        folder = log.path if log.path.is_dir() else log.path.parent
        self._story = RunStory(
            id=self.id,
            verdict=shown or None,
            settings={n: str(v) for n, v in (log.settings or {}).items()},
            others={},
            made={},
            card=None,
            files=files.shown(folder, self.id) if log.path.is_dir() else [],
            signals=newest(columns),
            notes=[*log.notes, *(left if log.unmapped else [])],
        )

    def curves(self, names: Sequence[str]) -> dict[str, Any]:
        """Return some curves, sampled for the screen."""
        return self._curves.only(names)

    def story(self) -> RunStory:
        """Return all that is known of the run but its curves."""
        return self._story


def _last(values: "np.ndarray[Any, Any] | None") -> float | None:
    """Return the last number of a column."""
    if values is None:
        return None
    have = values[np.isfinite(values)]
    return number(float(have[-1])) if len(have) else None


def _excuse(log: RunLog) -> str | None:
    """Return why a log cannot be judged, None if it can."""
    if log.empty:
        return "no rows yet"
    return next((f.reason for f in log.problems if f.name in _BROKEN), None)


class ForeignLogs:
    """Follow logs of other libraries at some paths.

    Args:
        mapping: their names of signals -> ours.
        facts: ``name=value`` facts that the logs do not hold.
    """

    def __init__(self, mapping: Mapped, facts: Sequence[str]) -> None:
        self._mapping, self._facts = mapping, facts
        self._seen: Mapping[Path, Any] = {}
        self._due = 0.0
        self.runs: list[ForeignRun] = []
        """In the order of their paths."""

    def look(self, paths: Sequence[Path]) -> bool:
        """Read the logs again if one has changed; return whether any was read."""
        now = time.monotonic()
        seen = {path: tuple(_sizes(path)) for path in paths}
        if seen == self._seen or now < self._due:
            return False
        logs = [log for p in paths for log in read_or_excuse(p, self._mapping)]
        self.runs = [ForeignRun(log, self._facts) for log in named(linked(logs))]
        self._seen = seen
        took = time.monotonic() - now
        self._due = now + max(_LEAST_S, took / _SHARE)
        return True


def _sizes(path: Path) -> Iterator[tuple[str, int, int]]:
    """Yield name, size and date of each file of a log; nothing if it has vanished."""
    try:
        for file in [path] if path.is_file() else logs_in(path):
            about = file.stat()
            yield file.name, about.st_size, about.st_mtime_ns
    except OSError:
        return

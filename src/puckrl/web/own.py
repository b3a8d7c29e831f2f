"""Follow a run folder of ours."""

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from puckrl.config.run_cfg import BudgetCfg, is_hashed
from puckrl.core.errors import UserError, first_line
from puckrl.logs.read import About, about_run, as_ours, log_of
from puckrl.monitor.regime import diagnose
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.runs_dir import changed_at
from puckrl.runner.summaries import RunSummary, summary_of
from puckrl.web import files
from puckrl.web.glance import Glance
from puckrl.web.view import (
    MEASURES,
    Curves,
    RunRow,
    RunStory,
    curves_of,
    newest,
    number,
    spark,
    told,
    words_of,
)
from puckrl.web.vitals import left_s, resident_gb
from puckrl.web.whole_log import WholeLog, in_order

_SHARE = 0.01  # of one core, at most, for judging a run that goes on


class OwnRun:
    """Follow one run folder by what is appended to it.

    Evaluations are read at once; all rows when somebody looks at the run. The rows of a run
    that is over are let go once curves and verdict are made of them.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._follow(path)

    def _follow(self, path: Path) -> None:
        """Begin to follow a folder."""
        self.id = run_id(path)
        self.path = path
        self.row = RunRow(self.id, path.name, str(path), "puckrl", "damaged", self.id)
        self._seen: tuple[Any, ...] = ()
        self._budget: BudgetCfg | None = None
        self._glance = Glance(path / "metrics.jsonl")
        self._rows = WholeLog(path / "metrics.jsonl")
        self._made: _Made | None = None
        self._about: tuple[tuple[float, ...], About] | None = None
        self._due = 0.0

    def move(self, path: Path) -> None:
        """Follow the folder to its new name."""
        with self._lock:
            if path != self.path:
                self._follow(path)

    def look(self) -> bool:
        """Read what is new; return whether the row has changed."""
        with self._lock:
            before = self.row
            try:
                if not self.path.is_dir():
                    raise FileNotFoundError(f"{self.path} has vanished")
                news, running = self._glance.look(), RunFolder(self.path).is_running()
                seen = (running, *_dates(self.path))
                if news or running or seen != self._seen:
                    self._seen = seen
                    self.row = self._now(summary_of(self.path))
            except OSError as error:
                self.row = self._gone(first_line(error))
            return self.row != before

    def _gone(self, reason: str) -> RunRow:
        """Return the last row that was known, marked."""
        self._seen = ()
        known = {**vars(self.row), "left_s": None}
        return RunRow(**{**known, "status": "gone", "ended_by": reason})

    def _now(self, about: RunSummary) -> RunRow:
        """Return the row from the folder's summary and what was read of its log."""
        clock, verdict = self._glance.clock, self._glance.verdict
        judged, manifest = self._glance.evaluations, _manifest(self.path)
        memory = manifest.get("memory_gb") or {}
        running = about.status == "running"
        name = next((m for m in MEASURES if m in judged.names), None)
        found = verdict.get("doctor/findings")
        return RunRow(
            id=self.id,
            name=about.name,
            path=str(self.path),
            kind="puckrl",
            status=about.status,
            group=about.config_hash or self.id,
            ended_by=about.ended_by,
            preset=about.preset,
            seed=about.seed,
            phase=about.verdict,
            color=about.color,
            words=words_of(found) if isinstance(found, list) else None,
            measure=name,
            success=about.success,
            env_steps=number(about.env_steps),
            updates=number(about.updates),
            train_s=number(clock.get("train_s")),
            wall_s=number(about.wall_s),
            left_s=self._left_s(clock) if running else None,
            ram_gb=resident_gb(self.path) if running else number(memory.get("ram")),
            gpu_gb=number(memory.get("gpu")) or None,
            began=about.began,
            spark=spark(judged.column("env_steps"), judged.column(name or "")),
            evaluations=judged.rows,
            rows=self._glance.size,
        )

    def _left_s(self, clock: Mapping[str, Any]) -> float | None:
        """Return the seconds of training that are left at most; None without a limit."""
        if self._budget is None:
            try:
                self._budget = RunFolder(self.path).config().budget
            except UserError:
                return None
        steps, seconds = number(clock.get("env_steps")), number(clock.get("train_s"))
        return left_s(self._budget, steps or 0.0, seconds or 0.0)

    def curves(self, names: Sequence[str]) -> dict[str, Any]:
        """Return some curves, sampled for the screen.

        Raises:
            UserError: if the folder is damaged.
            OSError: if the log cannot be read.
        """
        with self._lock:
            judged = self._glance.evaluations
            if judged.rows and {*names} <= {*judged.names}:
                return curves_of(in_order(judged), names).only(names)
            if self.row.status not in ("running", "gone"):
                self._look_closely()
            elif self.row.status == "running":
                self._rows.look()
            if self._made is not None and self._made.curves is not None:
                return self._made.curves.only(names)
            return curves_of(self._rows.columns(), names).only(names)

    def story(self) -> RunStory:
        """Return all that is known of the run but its curves.

        The doctor judges it when somebody asks for the first time, and again after an
        evaluation; while the run goes on, as often as a hundredth of a core allows.

        Raises:
            UserError: if the folder is damaged.
            OSError: if the log cannot be read.
        """
        with self._lock:
            return self._look_closely().story

    @property
    def _over(self) -> bool:
        return self.row.status != "running"

    def _look_closely(self) -> "_Made":
        """Read new rows and judge the run, unless that is done already or it is gone."""
        if self._made is not None and self.row.status == "gone":
            return self._made
        judged, size = self._glance.evaluations.rows, self._glance.size
        at = (self.row.status, judged, size * self._over, _dates(self.path))
        news = self._made is None or self._made.at != at
        if self._made is None or (
            news and (self._over or time.monotonic() > self._due)
        ):
            begin = time.perf_counter()
            self._rows.look()
            story, curves = self._judged(), None
            if self._over:
                curves = curves_of(self._rows.columns(), self._rows.table.names)
                self._rows = WholeLog(self.path / "metrics.jsonl")
            self._made = _Made(at, story, curves)
            self._due = time.monotonic() + (time.perf_counter() - begin) / _SHARE
        return self._made

    def _judged(self) -> RunStory:
        """Return the story, with a fresh verdict on all rows."""
        table, path = self._rows.table, self.path
        dates = _dates(path)[:2]
        if self._about is None or self._about[0] != dates:
            self._about = dates, about_run(path)
        log = log_of(path / "metrics.jsonl", table.frame(), {})
        log = as_ours(path, log, self._about[1])
        verdict = diagnose(log.table, log.facts, log.problems) if table.rows else None
        settings = log.settings or {}
        return RunStory(
            id=self.id,
            verdict=None if verdict is None else told(verdict),
            settings={n: str(v) for n, v in settings.items() if is_hashed(n)},
            others={n: str(v) for n, v in settings.items() if not is_hashed(n)},
            made=dict(_made_with(_manifest(path))),
            card=files.text_of(path / "card.md"),
            files=files.shown(path, self.id),
            signals=newest(self._rows.columns()),
            notes=log.notes,
        )


class _Made(NamedTuple):
    """Hold what was made of a run's rows at one moment."""

    at: tuple[Any, ...]
    """What the folder looked like then."""
    story: RunStory
    """What is told of it."""
    curves: Curves | None
    """All of its curves, if it is over; its rows are let go then."""


def run_id(path: Path) -> str:
    """Return what stands for a folder in addresses; a renamed folder keeps it.

    Raises:
        OSError: if there is no such folder.
    """
    about = path.stat()
    return hashlib.sha256(f"{about.st_dev} {about.st_ino}".encode()).hexdigest()[:10]


def _manifest(path: Path) -> dict[str, Any]:
    """Return the manifest; empty if it is missing or damaged, which the row says."""
    try:
        return RunFolder(path).manifest()
    except (OSError, UserError):
        return {}


def _made_with(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield how a run was made, in words."""
    if argv := manifest.get("argv"):
        yield "command", " ".join(map(str, argv))
    git = manifest.get("git") or {}
    if revision := git.get("revision"):
        yield "revision", revision[:12] + (" (changed)" if git.get("dirty") else "")
    for part in ("machine", "versions"):
        for name, value in (manifest.get(part) or {}).items():
            yield name, str(value)


def _dates(path: Path) -> tuple[float, ...]:
    """Return when the files beside the log were written."""
    names = ("manifest.json", "config.yaml", "card.md", "policy.mp4")
    return tuple(changed_at(path / name) for name in names)

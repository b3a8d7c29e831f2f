"""Summarize the runs of a folder from their manifests and the end of their logs."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, get_args

from puckrl.core.errors import UserError, first_line
from puckrl.report.rows import Newest, read_newest
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.runs_dir import changed_at

Status = Literal["running", "done", "stopped", "failed", "damaged"]
"""done: finished; stopped: interrupted or killed, --resume continues; damaged: unreadable."""
STATUSES: tuple[Status, ...] = get_args(Status)

_BROKEN = (UserError, OSError, ValueError, TypeError, KeyError, AttributeError)
"""What reading a damaged folder may raise."""


@dataclass(frozen=True)
class RunSummary:
    """Say where one run stands; None: not known, or not yet."""

    name: str
    """Name of its folder."""
    path: Path
    """The folder."""
    status: Status
    """What became of it."""
    ended_by: str | None = None
    """Stop rule, signal, killed, the reason of a failure, or what is damaged."""
    preset: str | None = None
    """Preset that it started from."""
    seed: int | None = None
    """Its seed."""
    config_hash: str | None = None
    """Hash of its configuration."""
    success: float | None = None
    """Success rate of the final evaluation; while it has none, of the last one."""
    verdict: str | None = None
    """Phase that the doctor saw at the last evaluation."""
    color: str | None = None
    """Color of the verdict: green, yellow, red."""
    env_steps: int | None = None
    """Env steps so far."""
    updates: int | None = None
    """Critic updates so far."""
    train_s: float | None = None
    """Seconds of collecting and updating so far."""
    wall_s: float | None = None
    """Seconds so far, with evaluation and compilation."""
    total_s: float | None = None
    """Seconds of the whole command so far; None: a version made the run that did not say."""
    began: float | None = None
    """When it began or was last resumed, seconds since the epoch."""

    def age_s(self, now: float) -> float | None:
        """Return the seconds since it began or was last resumed."""
        return None if self.began is None else now - self.began

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the beginning as an ISO date."""
        found = asdict(self) | {"path": str(self.path)}
        if self.began is not None:
            moment = datetime.fromtimestamp(self.began, UTC)
            found["began"] = moment.isoformat(timespec="seconds")
        return found


def read_runs(root: Path) -> list[RunSummary]:
    """Return the runs in a folder, also those that are damaged.

    A run is a folder with a ``config.yaml`` or a ``manifest.json``.

    Raises:
        UserError: if there is no such folder, or it cannot be read.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist; puck train makes it"
        raise UserError(f"{root} {what}; --runs DIR and PUCK_RUNS name another folder")
    files = [*root.glob("*/config.yaml"), *root.glob("*/manifest.json")]
    return [summary_of(path) for path in sorted({file.parent for file in files})]


def summary_of(path: Path) -> RunSummary:
    """Return where the run in a folder stands; what cannot be read makes it damaged."""
    try:
        return _read(RunFolder(path))
    except _BROKEN as error:
        reason = first_line(error).removeprefix(f"{path}/")
        if not isinstance(error, UserError | OSError):
            reason = f"manifest.json: {type(error).__name__}: {reason}"
        return RunSummary(path.name, path, "damaged", reason)


def _read(folder: RunFolder) -> RunSummary:
    """Return the summary of a run; raises one of ``_BROKEN`` if it is damaged."""
    _refuse_broken_config(folder.path / "config.yaml")
    manifest = folder.manifest()
    status, ended_by = _status(folder, manifest.get("status", "starting"), manifest)
    newest = _newest(folder)
    clock = newest.clock or manifest.get("clock") or {}
    verdict = newest.verdict or {}
    return RunSummary(
        name=folder.path.name,
        path=folder.path,
        status=status,
        ended_by=ended_by,
        preset=manifest.get("preset"),
        seed=manifest.get("seed"),
        config_hash=manifest.get("config_hash"),
        success=_success(status, manifest, newest),
        verdict=verdict.get("doctor/phase"),
        color=verdict.get("doctor/color"),
        env_steps=_whole(clock.get("env_steps")),
        updates=_whole(clock.get("updates")),
        train_s=_number(clock.get("train_s")),
        wall_s=_number(clock.get("wall_s")),
        total_s=_total_s(status, clock, manifest.get("clock") or {}),
        began=_began(manifest.get("time"), folder.path),
    )


def _refuse_broken_config(file: Path) -> None:
    """Raise ``UserError`` for a configuration that is missing, cut short or something else.

    The whole of it is parsed by those who use it: that takes longer than all the rest here.
    """
    if not file.is_file():
        raise UserError("config.yaml is missing")
    text = file.read_bytes()
    if not (text.startswith(b"preset: ") and text.endswith(b"\n")):
        raise UserError("config.yaml is not a configuration, or it is cut short")


def _newest(folder: RunFolder) -> Newest:
    """Return the last rows of the log; none before the run has written any."""
    if not folder.metrics.exists():
        return Newest(None, None, None)
    return read_newest(folder.metrics)


def _status(
    folder: RunFolder, written: str, manifest: dict[str, Any]
) -> tuple[Status, str | None]:
    """Return what became of a run, and by what.

    Raises:
        UserError: for a status that no version of puckrl writes.
    """
    if folder.is_running():
        return "running", None
    kind, _, reason = written.partition(": ")
    match kind:
        case "finished":
            return "done", manifest.get("stop")
        case "interrupted":
            return "stopped", manifest.get("signal")
        case "starting" | "running":  # a process that was not killed writes its end
            return "stopped", "killed"
        case "failed":
            return "failed", reason
        case _:
            raise UserError(f"manifest.json: unknown status {written!r}")


def _success(status: Status, manifest: dict[str, Any], newest: Newest) -> float | None:
    """Return the success rate of the final evaluation, else of the last one."""
    final = manifest.get("result") if status in ("done", "stopped") else None
    if final is not None:
        return _number(final["success"])
    return _number((newest.evaluation or {}).get("eval/success"))


def _total_s(
    status: Status, logged: Mapping[str, float], end: Mapping[str, float]
) -> float | None:
    """Return the seconds of the whole command: the manifest's, once the run has ended."""
    ended = end.get("total_s") if status in ("done", "stopped") else None
    known = [x for x in (logged.get("total_s"), ended) if x is not None]
    return max(known, default=None)


def seconds_before(folder: RunFolder) -> float:
    """Return how long a run's commands took so far, also what a kill made them lose."""
    known = (_newest(folder).clock or {}, folder.manifest().get("clock", {}))
    return max(row.get("total_s", 0.0) for row in known)


def _began(written: str | None, path: Path) -> float:
    """Return when a run began, by its manifest, else by its configuration's date."""
    return (
        _touched(path)
        if written is None
        else datetime.fromisoformat(written).timestamp()
    )


def _touched(path: Path) -> float:
    """Return when a folder's configuration was written; 0 if there is none."""
    return changed_at(path / "config.yaml")


def _number(value: float | None) -> float | None:
    """Return a number; None for NaN."""
    return None if value is None or math.isnan(value) else float(value)


def _whole(value: float | None) -> int | None:
    """Return a count; None for NaN."""
    return None if value is None or math.isnan(value) else int(value)


def chosen(
    runs: Iterable[RunSummary], presets: Sequence[str], statuses: Sequence[str]
) -> list[RunSummary]:
    """Return the runs of some presets, as shell patterns, and of some statuses.

    An empty sequence chooses all.
    """
    return [
        run
        for run in runs
        if (not statuses or run.status in statuses)
        and (not presets or any(fnmatchcase(run.preset or "", one) for one in presets))
    ]


_TEXT = ("name", "preset", "status")
_LARGEST_FIRST = {
    "success": "success",
    "env-steps": "env_steps",
    "updates": "updates",
    "wall": "wall_s",
    "total": "total_s",
    "age": "began",
}
"""Field of each order that begins with the largest value; the newest run began last."""


def ordered(
    runs: Iterable[RunSummary], by: str = "age", *, reverse: bool = False
) -> list[RunSummary]:
    """Return runs in order; those without a value come last in either direction.

    Args:
        runs: the runs.
        by: age, name, preset, status, success, env-steps, updates, wall, total. Text goes from A
            to Z, numbers from the largest, ages from the newest run.
        reverse: turn the order.
    """
    field = by if by in _TEXT else _LARGEST_FIRST[by]
    named = sorted(runs, key=lambda run: run.name)
    known = [run for run in named if getattr(run, field) is not None]
    known.sort(
        key=lambda run: getattr(run, field), reverse=(by not in _TEXT) != reverse
    )
    return known + [run for run in named if getattr(run, field) is None]


def to_json(runs: Sequence[RunSummary]) -> str:
    """Return runs as JSON text, a list of objects."""
    return json.dumps([run.as_dict() for run in runs], indent=2)

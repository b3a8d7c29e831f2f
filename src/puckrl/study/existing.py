"""Read runs that exist already: run folders of ours, and logs of other programs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.logs.log import RunLog
from puckrl.logs.read import read_logs
from puckrl.report.rows import read_rows
from puckrl.runner.run_folder import RunFolder
from puckrl.study.circumstances import of_manifest
from puckrl.study.design import Arm
from puckrl.training.sinks import LogRow

_COLUMNS = {"success": "eval/success", "eval/success": "eval/success"}
_CLOCKS = ("env_steps", "updates", "train_s", "wall_s", "total_s")


@dataclass(frozen=True)
class ExistingRun:
    """One run that the study did not make."""

    path: Path
    """Its folder or log."""
    seed: int
    """Of its training; of a foreign log its place in the list."""
    cfg: RunCfg | None
    """Its configuration; None: a foreign log."""
    manifest: dict[str, Any] = field(default_factory=dict[str, Any])
    """How it ended; empty: a foreign log."""
    log: RunLog | None = None
    """The foreign log."""

    @property
    def circumstances(self) -> dict[str, str]:
        """Return source, versions and machine, as far as they are known."""
        return of_manifest(self.manifest)

    @property
    def unfinished(self) -> str:
        """Return why the run is no whole one; empty if it is, or nothing is known."""
        status = self.manifest.get("status", "finished")
        return "" if status == "finished" else f"it is {status}"

    def rows(self) -> list[LogRow]:
        """Return its numbers by our names.

        Raises:
            UserError: if they cannot be read.
        """
        if self.log is None:
            return read_rows(self.path / "metrics.jsonl")
        return list(_foreign_rows(self.log))

    def final_success(self) -> float | None:
        """Return success of the last evaluation; None: it has none."""
        if self.log is None:
            return (self.manifest.get("result") or {}).get("success")
        curve = self.log.table.curve("eval/success")
        return float(curve.y[-1]) if len(curve.y) else None


def _foreign_rows(log: RunLog) -> Iterator[LogRow]:
    """Yield a row for each evaluation of a foreign log, with the clocks that it knows."""
    curve = log.table.curve("eval/success")
    for steps, success in zip(curve.x, curve.y, strict=True):
        row: LogRow = {"env_steps": float(steps), "eval/success": float(success)}
        for clock in _CLOCKS[1:]:
            if clock in log.table:
                row[clock] = log.table.at(clock, float(steps))
        yield row


def existing_runs(arm: Arm) -> list[ExistingRun]:
    """Return the runs of an arm that exist already; empty for an arm that will run.

    Raises:
        UserError: if one cannot be read, or two have the same seed.
    """
    runs = [run for path in arm.folders for run in _runs(path)]
    foreign = [run for run in runs if run.cfg is None]
    if foreign and len(foreign) < len(runs):
        raise UserError(
            f"{arm.name}: {foreign[0].path} is no run folder of puckrl, the others are; "
            "give each an arm of its own"
        )
    if foreign:
        return [
            ExistingRun(run.path, seed, None, log=run.log)
            for seed, run in enumerate(foreign)
        ]
    by_seed: dict[int, ExistingRun] = {}
    for run in runs:
        twin = by_seed.setdefault(run.seed, run)
        if twin is not run:
            raise UserError(
                f"{arm.name}: {twin.path} and {run.path} have the same seed {run.seed}; "
                "keep one"
            )
    return runs


def _runs(path: Path) -> Iterator[ExistingRun]:
    """Yield the run of a folder, or every run of a foreign log."""
    if (path / "config.yaml").is_file():
        folder = RunFolder(path)
        cfg = folder.config()
        yield ExistingRun(path, cfg.seed, cfg, folder.manifest())
        return
    for log in read_logs(path):
        yield ExistingRun(path, 0, None, log=log)

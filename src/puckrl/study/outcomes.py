"""Turn what runs left behind into outcomes: a value each, or the reason why there is none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from puckrl.core.errors import UserError
from puckrl.report.rows import read_rows
from puckrl.runner.run_folder import RunFolder
from puckrl.statistics.measure import Outcome
from puckrl.study.design import Study
from puckrl.training.sinks import LogRow


@dataclass(frozen=True)
class RunRecord:
    """What one run left behind."""

    arm: str
    """Name of the arm."""
    seed: int
    """Seed of the run."""
    rows: Sequence[LogRow] = ()
    """The numbers that it logged."""
    final_success: float | None = None
    """Of its last, long evaluation."""
    manifest: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """How it ended; empty: a foreign log."""
    problem: str = ""
    """Why it does not count, if that is known already; empty otherwise."""
    foreign: bool = False
    """Whether another program made it."""

    def last(self, clock: str) -> float:
        """Return the largest reading of a clock, NaN if it was never logged."""
        read = [
            row[clock] for row in self.rows if math.isfinite(row.get(clock, math.nan))
        ]
        return max(read, default=math.nan)


def read_record(arm: str, seed: int, path: Path) -> RunRecord:
    """Return what a run folder of ours says; what cannot be read is its problem.

    Args:
        arm: name of the arm.
        seed: of the run.
        path: the run folder; it may be missing.
    """
    if not path.is_dir():
        return RunRecord(arm, seed, problem="missing: no run folder")
    folder = RunFolder(path)
    try:
        manifest = folder.manifest()
        rows = read_rows(folder.metrics)
    except UserError as error:
        return RunRecord(arm, seed, problem=f"unreadable: {error}")
    success = (manifest.get("result") or {}).get("success")
    return RunRecord(arm, seed, rows, success, manifest)


def outcomes_of(study: Study, records: Sequence[RunRecord]) -> list[Outcome]:
    """Return a value for each run, or the reason why it has none.

    A run that failed or was interrupted counts only if it had reached the threshold of
    ``time_to`` before: stopping early is no result, and its end must not shorten τ.

    Args:
        study: names the measure and the budget.
        records: one for each run.
    """
    clock = study.measure.clock
    budget = study.budget.get(clock, math.inf) if clock else math.inf
    return [_outcome(study, record, budget) for record in records]


def _outcome(study: Study, record: RunRecord, budget: float) -> Outcome:
    """Return a run's value, or the reason why it has none."""
    lost = Outcome(record.arm, record.seed, math.nan)
    if record.problem:
        return Outcome(**{**vars(lost), "problem": record.problem})
    status = record.manifest.get("status", "finished")
    try:
        value, censored = study.measure.of(record.rows, record.final_success, budget)
    except UserError as error:
        reason = str(error) if status == "finished" else f"{status}: {error}"
        return Outcome(**{**vars(lost), "problem": reason})
    if status != "finished" and (censored or study.measure.kind != "time_to"):
        why = str(record.manifest.get("error", "it did not end by itself"))
        return Outcome(**{**vars(lost), "problem": f"{status}: {why}"})
    return Outcome(record.arm, record.seed, value, censored)

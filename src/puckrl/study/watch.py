"""Follow the runs of a study by their folders: clocks, success, verdict, time left."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from puckrl.report.appended import Appended
from puckrl.runner.build import limits_of
from puckrl.runner.run_folder import RunFolder
from puckrl.study.jobs import FINISHED, Job, State
from puckrl.training.console import fraction_done
from puckrl.training.sinks import LogRow


@dataclass(frozen=True)
class Seen:
    """Hold the newest that a run has logged."""

    row: LogRow
    """Its clocks; empty before the first row."""
    success: float
    """Of its last evaluation; NaN before."""
    phase: str
    """The doctor's word; empty before the first evaluation."""
    color: str
    """Of the verdict: green, yellow or red; empty before."""


class Follower:
    """Read what is appended to a run's log, and no line twice.

    Args:
        folder: the run's, which need not exist yet.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._log = Appended(folder.metrics)
        self.seen = _NOTHING

    def look(self) -> Seen:
        """Return the newest; a line that is not whole yet waits for the next look."""
        while True:
            lines, anew = self._log.read()
            if anew:  # cut for a resume
                self.seen = _NOTHING
            if not lines:
                return self.seen
            for line in lines.splitlines():
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if isinstance(row, dict):
                    self.seen = _after(self.seen, cast(dict[str, Any], row))


_NOTHING = Seen({}, math.nan, "", "")


def _after(seen: Seen, line: Mapping[str, Any]) -> Seen:
    """Return what is known after one more line of a log."""
    if isinstance(line.get("doctor/phase"), str):
        return Seen(seen.row, seen.success, line["doctor/phase"], line["doctor/color"])
    row = {k: float(v) for k, v in line.items() if isinstance(v, int | float)}
    success = row.get("eval/success", seen.success)
    return Seen(row, success, seen.phase, seen.color)


def seconds_left(
    jobs: Iterable[Job],
    states: Mapping[str, State],
    seen: Mapping[str, Seen],
    slots: int,
) -> float:
    """Return the seconds until every job has spent its budget; NaN while nothing is known.

    Args:
        jobs: the runs of the study.
        states: the state of each, by its name.
        seen: the newest of each that has logged anything, by its name.
        slots: runs at a time.
    """
    jobs = list(jobs)
    whole = {job.name: _whole_run_s(job, states, seen.get(job.name)) for job in jobs}
    known = [seconds for seconds in whole.values() if math.isfinite(seconds)]
    if not known:
        return math.nan
    left = 0.0
    for job in jobs:
        if states[job.name] in FINISHED or states[job.name] == "failed":
            continue
        alike = [whole[j.name] for j in jobs if j.arm == job.arm]
        alike = [seconds for seconds in alike if math.isfinite(seconds)] or known
        spent = _spent_s(seen.get(job.name))
        left += max(0.0, sum(alike) / len(alike) - spent)
    return left / max(1, slots)


def _whole_run_s(job: Job, states: Mapping[str, State], seen: Seen | None) -> float:
    """Return the seconds that a run has taken, or will at its present speed."""
    if seen is None or not seen.row:
        return math.nan
    if states[job.name] in FINISHED:
        return _spent_s(seen)
    done = fraction_done(seen.row, limits_of(job.cfg))
    return _spent_s(seen) / done if done else math.nan


def _spent_s(seen: Seen | None) -> float:
    return seen.row.get("wall_s", 0.0) if seen else 0.0

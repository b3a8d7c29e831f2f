"""Record the state of every run of a study, and who may write.

The run folders hold the truth about runs. The journal says what the study knew, and when;
where the study was killed between a run's end and the journal's line, ``settle`` adds it.
``folder.py`` shows what else is in a study's folder.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from puckrl.report.rows import read_verdicts
from puckrl.runner.run_folder import Lock, RunFolder
from puckrl.study.design import Study
from puckrl.study.folder import journal_of
from puckrl.study.jobs import FINISHED, Job, State, jobs_of
from puckrl.study.journal import Entries
from puckrl.study.pending import is_finished


@dataclass(frozen=True)
class RunState:
    """Hold what the journal says of one run."""

    arm: str
    """Name of the arm."""
    seed: int
    """Seed of the run."""
    name: str
    """Of its run folder."""
    state: State = "queued"
    """The newest."""
    detail: str = ""
    """Why, where it failed or will be tried again."""
    starts: int = 0
    """How often a process of it was started."""


class Ledger:
    """Write a study's folder; use it in a ``with`` block, which holds the lock.

    Args:
        path: the folder, which ``create`` or ``find`` has found.
        study: what is compared.
    """

    def __init__(self, path: Path, study: Study) -> None:
        self.path, self.study = path, study
        self.jobs = jobs_of(study)
        self._journal = journal_of(path)
        self._lock = Lock(path)
        self._states = {
            job.name: RunState(job.arm, job.seed, job.name) for job in self.jobs
        }

    def __enter__(self) -> Self:
        """Take the lock, and read what is known.

        Raises:
            UserError: if another living process holds it.
        """
        self._lock.__enter__()
        known = states(self._journal.read())
        self._states |= {k: v for k, v in known.items() if k in self._states}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the lock."""
        self._lock.__exit__(kind, error, trace)

    @property
    def states(self) -> Mapping[str, RunState]:
        """Return the state of every job of the study, by its name."""
        return self._states

    def counts(self) -> Mapping[State, int]:
        """Return the number of jobs in each state."""
        return Counter(run.state for run in self._states.values())

    def folder_of(self, job: Job) -> RunFolder:
        """Return a job's run folder, which need not exist."""
        return RunFolder(self.path / "runs" / job.name)

    def output_of(self, job: Job) -> Path:
        """Return the file that takes what a job's process prints."""
        return self.path / "output" / f"{job.name}.log"

    def record(self, job: Job, state: State, detail: str = "") -> None:
        """Append a job's state to the journal.

        Raises:
            OSError: if it cannot be written.
        """
        before = self._states[job.name]
        starts = before.starts + (state == "running")
        entry = {"run": job.name, "arm": job.arm, "seed": job.seed, "state": state}
        self._journal.append(kind="state", **entry, detail=detail, starts=starts)
        self._states[job.name] = replace(
            before, state=state, detail=detail, starts=starts
        )

    def note(self, kind: str, **fields: object) -> None:
        """Append an entry that is no run's state: a session, a note, an amendment.

        Raises:
            OSError: if it cannot be written.
        """
        self._journal.append(kind=kind, **fields)

    def settle(self) -> None:
        """Correct the states by what the run folders hold, after a kill or an amendment.

        Raises:
            OSError: if the journal cannot be written.
        """
        for job in self.jobs:
            known = self._states[job.name].state
            if is_finished(self.folder_of(job), job.cfg):
                if known not in FINISHED:
                    self.record(job, self.finished_state(job))
            elif known == "running":
                self.record(job, "interrupted", "the study ended before this run did")
            elif known in FINISHED:
                self.record(job, "interrupted", "its budget was raised since")

    def finished_state(self, job: Job) -> State:
        """Return the state of a finished run: diverged if its last verdict says so."""
        folder = self.folder_of(job)
        if folder.manifest().get("stop") == "diverged":
            return "diverged"
        verdicts = read_verdicts(folder.metrics) if folder.metrics.is_file() else []
        findings = verdicts[-1]["doctor/findings"] if verdicts else []
        sick = any(f["name"] == "divergence" and f["color"] == "red" for f in findings)
        return "diverged" if sick else "done"


def states(read: Entries) -> dict[str, RunState]:
    """Return the newest state of every run that a journal names, by the run's name."""
    found: dict[str, RunState] = {}
    for entry in read.entries:
        if entry.get("kind") == "state":
            known = ("arm", "seed", "state", "detail", "starts")
            values = {name: entry[name] for name in known}
            found[entry["run"]] = RunState(name=entry["run"], **values)
    return found


def read_states(path: Path) -> dict[str, RunState]:
    """Return the newest state of every run of a study's folder, for readers."""
    return states(journal_of(path).read())

"""Run the jobs of a study to the end: start, wait, retry, record, stop.

What runs next is asked anew after every end, so a sequential study can stop an arm as soon
as it is decided. Where runs take place is the business of ``Workers``.
"""

import signal
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from puckrl.core.errors import (
    Exit,
    RunFailed,
    UserError,
    exit_code_of,
    outside_reason,
)
from puckrl.runner.interrupt import Signals
from puckrl.runner.run_folder import RunFolder
from puckrl.study.jobs import FINISHED, Job, State
from puckrl.study.ledger import Ledger
from puckrl.study.pending import is_finished, newest_snapshot

NextRuns = Callable[[Mapping[tuple[str, int], State]], Sequence[tuple[str, int]]]
"""Return the runs, by arm and seed, that a study still asks for, in their order.

It gets the state of every run of the study. Runs that are under way, have finished or
have failed may be among them: they do not start again.
"""

RETRIES = 3
"""How often in a row a run that was killed starts again without a new snapshot."""
_WAIT_S = 0.2


@dataclass(frozen=True)
class Ended:
    """Say how a job's process ended."""

    job: Job
    """The job."""
    code: int
    """Exit code, as of ``puck train``; negative: the signal that killed it."""
    said: str = ""
    """The last line that it printed."""


class Workers(Protocol):
    """Run jobs somewhere."""

    @property
    def running(self) -> Collection[str]:
        """Return the names of the jobs under way."""
        ...

    def has_room(self) -> bool:
        """Return whether another job may start now.

        Raises:
            UserError: if none is under way and none can start any more.
        """
        ...

    def start(self, job: Job) -> None:
        """Start or continue a job."""
        ...

    def ended(self, wait_s: float) -> list[Ended]:
        """Return the jobs that have ended, after at most this time."""
        ...

    def stop(self) -> None:
        """Ask every job to end with a snapshot; they then appear in ``ended``."""
        ...

    def kill(self) -> None:
        """End every job at once."""
        ...


class Display(Protocol):
    """Show a study while it runs."""

    def changed(self, job: Job, state: State, detail: str) -> None:
        """Show the new state of a job."""
        ...

    def refresh(self, running: Collection[str]) -> None:
        """Show the progress of the jobs under way; called several times a second."""
        ...

    def say(self, line: str) -> None:
        """Show a line about the whole study."""
        ...


@dataclass(frozen=True)
class Summary:
    """Say how a study's session ended."""

    counts: Mapping[State, int]
    """Number of runs in each state."""
    signal: int | None
    """The signal that ended it; None: nothing was left to do."""

    @property
    def exit_code(self) -> int:
        """Return the exit code of ``puck study``."""
        if self.signal is not None:
            return exit_code_of(self.signal)
        return Exit.FAILED if self.counts.get("failed", 0) else Exit.DONE


def all_runs(jobs: Sequence[Job]) -> NextRuns:
    """Return the rule of a study with fixed seeds: every run, in the order of ``jobs``."""
    keys = [job.key for job in jobs]
    return lambda states: keys


def run_jobs(
    ledger: Ledger,
    workers: Workers,
    next_runs: NextRuns,
    display: Display,
    signals: Signals,
) -> Summary:
    """Run what ``next_runs`` asks for, until nothing is left or a signal arrives.

    The first signal asks every run to end with a snapshot; a second one kills them.

    Args:
        ledger: the study's folder, locked and settled.
        workers: where runs take place.
        next_runs: which runs are to come.
        display: shows what happens.
        signals: those that have arrived; inside its ``patient`` block.

    Raises:
        RunFailed: if the journal cannot be written, or the machine has no more room. Runs
            are stopped with snapshots.
        UserError: if there is no room before the first run.
    """
    session = _Session(ledger, workers, next_runs, display)
    try:
        session.until_nothing_is_left(signals)
    except OSError as error:
        session.wind_down()
        raise RunFailed(
            f"the study stopped: {outside_reason(error)}; what has run is kept; remove the "
            "cause and continue with --resume"
        ) from error
    except UserError as error:
        session.wind_down()
        if all(run.starts == 0 for run in ledger.states.values()):
            raise
        raise RunFailed(f"the study stopped: {error}") from error
    finally:
        workers.kill()  # none is left unless this is an error or a second signal
    return Summary(ledger.counts(), signals.number)


class _Session:
    """One process's work on a study."""

    def __init__(
        self, ledger: Ledger, workers: Workers, next_runs: NextRuns, display: Display
    ) -> None:
        self._ledger, self._workers = ledger, workers
        self._next_runs, self._display = next_runs, display
        self._jobs = {job.key: job for job in ledger.jobs}
        self._tried: set[str] = set()  # what has failed in this session fails again
        self._killed: Counter[tuple[str, str]] = Counter()  # job and its snapshot
        self._stopping = False

    def until_nothing_is_left(self, signals: Signals) -> None:
        """Start jobs and record their ends."""
        while True:
            if signals.number is not None and not self._stopping:
                self._stop(signal.Signals(signals.number).name)
            if not self._stopping:
                self._start_what_fits()
            if not self._workers.running:
                return
            for end in self._workers.ended(_WAIT_S):
                self._settle(end)
            self._display.refresh(self._workers.running)

    def wind_down(self) -> None:
        """Stop every job with a snapshot; nothing is recorded, since nothing can be."""
        self._workers.stop()
        while self._workers.running:
            self._workers.ended(_WAIT_S)

    def _stop(self, name: str) -> None:
        self._stopping = True
        count = len(self._workers.running)
        self._display.say(
            f"{name}: {count} runs write a snapshot and end; ctrl-C again ends them now"
        )
        self._workers.stop()

    def _start_what_fits(self) -> None:
        """Start jobs, in the order that is asked for, while there is room."""
        for job in self._queue():
            if not self._workers.has_room():
                return
            self._record(job, "running")
            self._workers.start(job)

    def _queue(self) -> list[Job]:
        """Return the jobs that are asked for and may start."""
        states = self._ledger.states
        known: dict[tuple[str, int], State] = {
            (run.arm, run.seed): run.state for run in states.values()
        }
        return [
            self._jobs[key]
            for key in self._next_runs(known)
            if key in self._jobs
            and known[key] not in FINISHED
            and self._jobs[key].name not in self._tried | set(self._workers.running)
        ]

    def _settle(self, end: Ended) -> None:
        """Record how a job ended; what its folder holds counts, not what it said."""
        job, folder = end.job, self._ledger.folder_of(end.job)
        if is_finished(folder, job.cfg):
            self._record(job, self._ledger.finished_state(job))
        elif end.code > 0 and end.code not in _SIGNALS:
            self._tried.add(job.name)
            self._record(job, "failed", _reason(end, folder))
        elif self._stopping:
            self._record(job, "interrupted", "it continues with --resume")
        else:
            self._again(job, end, newest_snapshot(folder))

    def _again(self, job: Job, end: Ended, snapshot: str) -> None:
        """Queue a job whose process was killed, unless it is killed again and again."""
        self._killed[job.name, snapshot] += 1
        name = _signal_name(end.code)
        if self._killed[job.name, snapshot] > RETRIES:
            self._tried.add(job.name)
            text = f"its process ended {RETRIES + 1} times without progress ({name})"
            self._record(job, "failed", text)
            return
        where = "its last snapshot" if snapshot else "the start"
        self._record(
            job, "interrupted", f"its process ended ({name}): again from {where}"
        )

    def _record(self, job: Job, state: State, detail: str = "") -> None:
        self._ledger.record(job, state, detail)
        self._display.changed(job, state, detail)


def _signal_name(code: int) -> str:
    """Return the signal that an exit code, or a negative number, stands for."""
    number = -code if code < 0 else code - 128
    return signal.Signals(number).name if number > 0 else "without a result"


def _reason(end: Ended, folder: RunFolder) -> str:
    """Return why a run failed: by its manifest, or by what it printed last."""
    status = str(folder.manifest().get("status", "")) if end.code == Exit.FAILED else ""
    said = status.partition("failed: ")[2]
    return said or end.said or f"exit code {end.code}"


_SIGNALS = tuple(exit_code_of(number) for number in (signal.SIGINT, signal.SIGTERM))

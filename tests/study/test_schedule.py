"""The order of things: what starts, what starts again, what is given up, what stops."""

import errno
import signal
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from puckrl.core.errors import RunFailed, UserError
from puckrl.runner.interrupt import Signals
from puckrl.study import folder as folders
from puckrl.study.jobs import Job, State
from puckrl.study.ledger import Ledger
from puckrl.study.schedule import (
    RETRIES,
    Ended,
    NextRuns,
    Summary,
    all_runs,
    run_jobs,
)
from tests.study.small import Told, small_study
from tests.study.test_ledger import finish


class Script:
    """Workers that end as a script says: an exit code for every start of a job."""

    def __init__(
        self, ledger: Ledger, codes: Mapping[tuple[str, int], list[int]], slots: int = 2
    ) -> None:
        self._ledger, self._slots = ledger, slots
        self._codes = {key: list(listed) for key, listed in codes.items()}
        self._jobs: dict[str, Job] = {}
        self.started: list[tuple[str, int]] = []
        self.at_once, self.stopped, self.killed = 0, False, 0
        self.signals: Signals | None = None

    @property
    def running(self) -> Collection[str]:
        return tuple(self._jobs)

    def has_room(self) -> bool:
        return len(self._jobs) < self._slots

    def start(self, job: Job) -> None:
        self._jobs[job.name] = job
        self.started.append(job.key)
        self.at_once = max(self.at_once, len(self._jobs))

    def ended(self, wait_s: float) -> list[Ended]:
        name = next(iter(self._jobs))
        job = self._jobs.pop(name)
        listed = self._codes.get(job.key, [])
        code = 143 if self.stopped else listed.pop(0) if listed else 0
        folder = self._ledger.folder_of(job)
        if code == 0:
            finish(folder)
        elif code < -100:  # it was killed after a new snapshot
            folder.checkpoints.mkdir(parents=True, exist_ok=True)
            count = len(list(folder.checkpoints.iterdir()))
            (folder.checkpoints / f"snapshot-{count:06d}.json").touch()
            code += 100
        elif code == 99:
            assert self.signals
            self.signals.handle(signal.SIGINT)
            self._jobs[job.name] = job
            return []
        return [Ended(job, code, f"said {code}")]

    def stop(self) -> None:
        self.stopped = True

    def kill(self) -> None:
        self.killed += len(self._jobs)
        self._jobs.clear()


@contextmanager
def opened(tmp_path: Path, seeds: int = 2) -> Iterator[Ledger]:
    file = tmp_path / "small.yaml"
    file.write_text("")
    study = small_study(seeds)
    path = folders.find(tmp_path, study) or folders.create(tmp_path, study, {}, file)
    with Ledger(path, study) as ledger:
        ledger.settle()
        yield ledger


def conduct(
    ledger: Ledger, workers: Script, rule: NextRuns | None = None
) -> tuple[Summary, Told]:
    told, signals = Told(), Signals()
    workers.signals = signals
    with signals.patient(lambda status: None):
        summary = run_jobs(
            ledger, workers, rule or all_runs(ledger.jobs), told, signals
        )
    return summary, told


LOW = "low, 0.9"


def test_every_run_starts_once_in_order_and_no_more_than_fit(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        workers = Script(ledger, {})
        summary, _ = conduct(ledger, workers)
        assert workers.started == [("base", 0), (LOW, 0), (LOW, 1), ("base", 1)]
        assert workers.at_once == 2
        assert (summary.counts, summary.exit_code) == ({"done": 4}, 0)
    with opened(tmp_path) as ledger:
        workers = Script(ledger, {})
        assert conduct(ledger, workers)[0].counts == {"done": 4}
        assert workers.started == [], "nothing twice"


def test_a_killed_run_starts_again_while_it_gets_on(tmp_path: Path) -> None:
    gets_on = [-109] * 10  # SIGKILL, each time after a new snapshot
    with opened(tmp_path) as ledger:
        workers = Script(ledger, {("base", 0): gets_on, (LOW, 1): [-9] * RETRIES})
        summary, told = conduct(ledger, workers)
        assert summary.counts == {"done": 4}
        assert workers.started.count(("base", 0)) == 11
        assert workers.started.count((LOW, 1)) == 1 + RETRIES
        details = [detail for *_, state, detail in told.changes if detail]
        assert "its process ended (SIGKILL): again from its last snapshot" in details
        assert "its process ended (SIGKILL): again from the start" in details


def test_a_run_that_is_killed_again_and_again_is_given_up(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        workers = Script(ledger, {("base", 0): [-9] * 99})
        summary, told = conduct(ledger, workers)
        assert summary.counts == {"failed": 1, "done": 3}
        assert summary.exit_code == 4
        assert workers.started.count(("base", 0)) == 1 + RETRIES
        assert (
            told.changes[-1][3]
            == "its process ended 4 times without progress (SIGKILL)"
        )


def test_an_exit_without_a_finished_run_is_no_result(tmp_path: Path) -> None:
    class Forgetful(Script):
        def ended(self, wait_s: float) -> list[Ended]:
            return [Ended(e.job, 0) for e in super().ended(wait_s)]

    with opened(tmp_path) as ledger:
        workers = Forgetful(ledger, {("base", 0): [-1] * 99})
        summary, _ = conduct(ledger, workers)
        assert summary.counts == {"failed": 1, "done": 3}


@pytest.mark.parametrize("code", [2, 4, 70])
def test_a_failed_run_is_counted_with_its_reason_and_tried_by_the_next_session(
    tmp_path: Path, code: int
) -> None:
    with opened(tmp_path) as ledger:
        workers = Script(ledger, {("base", 0): [code]})
        summary, told = conduct(ledger, workers)
        assert summary.counts == {"failed": 1, "done": 3}
        assert ("base", 0, "failed", f"said {code}") in told.changes
        assert workers.started.count(("base", 0)) == 1
    with opened(tmp_path) as ledger:
        summary, _ = conduct(ledger, Script(ledger, {}))
        assert (summary.counts, summary.exit_code) == ({"done": 4}, 0)


def test_the_reason_of_a_run_that_trained_is_in_its_manifest(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        folder = ledger.folder_of(ledger.jobs[0])
        folder.path.mkdir(parents=True)
        folder.update_manifest(status="failed: no space")
        conduct(ledger, Script(ledger, {("base", 0): [4]}))
        assert ledger.states[ledger.jobs[0].name].detail == "no space"


def test_ctrl_c_ends_every_run_with_a_snapshot_and_starts_no_more(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as ledger:
        workers = Script(ledger, {(LOW, 0): [99]})
        summary, told = conduct(ledger, workers)
        assert summary.counts == {"done": 1, "interrupted": 2, "queued": 1}
        assert summary.exit_code == 130
        assert workers.killed == 0
        assert told.lines == [
            "SIGINT: 2 runs write a snapshot and end; ctrl-C again ends them now"
        ]
    with opened(tmp_path) as ledger:
        assert conduct(ledger, Script(ledger, {}))[0].counts == {"done": 4}


def test_a_second_ctrl_c_kills(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        workers = Script(ledger, {("base", 0): [99], (LOW, 0): [99]})
        workers.stop = lambda: None  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            conduct(ledger, workers)
        assert workers.killed >= 1


def test_a_sequential_study_asks_after_every_end(tmp_path: Path) -> None:
    asked: list[dict[tuple[str, int], State]] = []

    def rule(states: Mapping[tuple[str, int], State]) -> list[tuple[str, int]]:
        """A pair at a time; after the first pair the arm is decided."""
        asked.append(dict(states))
        unknown = [("nobody", 0), ("base", 77)]
        return [*unknown, ("base", 0), (LOW, 0)]

    with opened(tmp_path, seeds=3) as ledger:
        workers = Script(ledger, {})
        summary, _ = conduct(ledger, workers, rule)
        assert workers.started == [("base", 0), (LOW, 0)]
        assert summary.counts == {"done": 2, "queued": 4}
        assert summary.exit_code == 0, "what was not asked for is not missing"
    assert asked[0] == dict.fromkeys(asked[0], "queued")
    assert asked[-1][LOW, 0] == "done"


def test_a_journal_that_cannot_be_written_stops_the_study_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as ledger:
        workers = Script(ledger, {})
        record = ledger.record

        def full(job: Job, state: State, detail: str = "") -> None:
            if state == "done":
                raise OSError(errno.ENOSPC, "No space left on device", "journal.jsonl")
            record(job, state, detail)

        monkeypatch.setattr(ledger, "record", full)
        with pytest.raises(
            RunFailed, match=r"No space left .* journal\.jsonl; .*--resume"
        ):
            conduct(ledger, workers)
        assert workers.stopped
        assert workers.killed == 0, "they have ended with snapshots"
        assert not workers.running
    with opened(tmp_path) as ledger:
        again = Script(ledger, {})
        assert conduct(ledger, again)[0].counts == {"done": 4}
        assert ("base", 0) not in again.started, "it had finished"


def test_no_room_is_refused_before_the_first_run_and_stops_a_study_later(
    tmp_path: Path,
) -> None:
    class Full(Script):
        def has_room(self) -> bool:
            if len(self.started) >= most and not self.running:
                raise UserError("no memory")
            return len(self.started) < most and super().has_room()

    most = 0
    with opened(tmp_path) as ledger, pytest.raises(UserError) as refused:
        conduct(ledger, Full(ledger, {}))
    assert refused.value.exit_code == 2
    most = 1
    with opened(tmp_path) as ledger, pytest.raises(RunFailed) as failed:
        conduct(ledger, Full(ledger, {}))
    assert failed.value.exit_code == 4

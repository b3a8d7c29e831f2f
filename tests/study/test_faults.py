"""Kills, signals and full disks at random moments: nothing is lost, nothing is done twice."""

import errno
import multiprocessing
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from puckrl.core.errors import RunFailed
from puckrl.report.rows import read_rows
from puckrl.runner import session
from puckrl.runner.interrupt import caught
from puckrl.runner.run_folder import RunFolder
from puckrl.study import folder as folders
from puckrl.study import journal
from puckrl.study.design import Study
from puckrl.study.jobs import FINISHED, Job, jobs_of, with_threads
from puckrl.study.ledger import Ledger, read_states
from puckrl.study.local import WORKER, LocalWorkers
from puckrl.study.schedule import all_runs, run_jobs
from puckrl.training.checkpoint import read_state
from tests.study.small import STAND_IN, TINY, Told, small_study, two_at_a_time
from tests.study.stand_in import UNITS, chain

FAULTS = ("kill a worker", "kill the study", "ctrl-C", "SIGTERM", "full", "full there")


def go_on(
    root: str, study: Study, program: Sequence[str], full_after: int | None
) -> None:
    """Begin or continue a study, as ``puck study --resume`` does.

    Args:
        root: folder of study folders.
        study: what is compared.
        program: of the workers.
        full_after: entries of the journal after which the disk is full; None: never.
    """
    torch.set_num_threads(1)
    place = Path(root)
    path = folders.find(place, study)
    path = path or folders.create(place, study, {}, place / "small.yaml")
    if full_after is not None:
        fill_the_disk(full_after)
    with Ledger(path, study) as ledger, caught() as signals:
        try:
            ledger.settle()
            with signals.patient(lambda status: None):
                workers = LocalWorkers(ledger, two_at_a_time(), program=program)
                run_jobs(ledger, workers, all_runs(ledger.jobs), Told(), signals)
        except (OSError, RunFailed) as error:
            assert "No space left" in str(error)  # noqa: PT017


def fill_the_disk(after: int) -> None:
    """Let the journal's disk be full after some entries, in the middle of a line."""
    real, count = os.write, [0]

    def write(file: int, data: bytes) -> int:
        count[0] += 1
        if count[0] <= after:
            return real(file, data)
        if count[0] == after + 1:
            return real(file, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    journal.os.write = write  # type: ignore[attr-defined]  of this process alone


def child_of(*args: object) -> BaseProcess:
    """Start ``go_on`` in a process of its own, with the libraries loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["puckrl.study.local", "puckrl.study.schedule"])
    child = context.Process(target=go_on, args=args)
    child.start()
    return child


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that live."""
    done = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(word) for word in done.stdout.split()]


class Troublemaker:
    """Disturb a study, one fault at a time.

    Args:
        root: folder of study folders.
        study: what is compared.
        program: of the workers.
        longest_s: until a fault.
    """

    def __init__(
        self, root: Path, study: Study, program: Sequence[str], longest_s: float
    ) -> None:
        self.root, self.study, self.program = root, study, program
        self._longest_s, self._moments = longest_s, random.Random(0)
        root.mkdir(parents=True, exist_ok=True)
        (root / "small.yaml").write_text("base: tiny\n")
        self.path = folders.folder_name(root, study)
        self.met: Counter[str] = Counter()

    @property
    def finished(self) -> bool:
        """Return whether every run has finished, as the journal says."""
        states = read_states(self.path).values()
        done = sum(run.state in FINISHED for run in states)
        return done == len(jobs_of(self.study))

    def disturb(self, fault: str) -> None:
        """Start or continue the study, and let it meet a fault."""
        full = self._moments.randrange(8) if fault == "full" else None
        if fault == "full there":
            (self.path / "runs").mkdir(parents=True, exist_ok=True)
            (self.path / "runs" / "fail").write_text("2")
        child = child_of(str(self.root), self.study, self.program, full)
        assert child.pid
        time.sleep(self._moments.uniform(0.0, self._longest_s))
        if child.is_alive() and self._strike(fault, child):
            self.met[fault] += 1
        if fault in ("kill a worker", "full there"):  # it begins again, or goes on
            child.join(self._moments.uniform(0.0, self._longest_s))
            child.terminate()
        child.join(60)
        assert child.exitcode is not None, "it did not end"
        early = (1, -signal.SIGTERM, -signal.SIGINT)  # before the first run
        allowed = (0, -signal.SIGKILL, *early)
        assert child.exitcode in allowed, (fault, child.exitcode)

    def _strike(self, fault: str, child: BaseProcess) -> bool:
        """Return whether the fault has met the study, which may just have ended."""
        assert child.pid is not None
        pid = child.pid
        victims = children_of(pid)[:1] if fault == "kill a worker" else [pid]
        number = {"kill a worker": signal.SIGKILL, "kill the study": signal.SIGKILL}
        number |= {"ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM}
        for victim in victims if fault in number else ():
            with suppress(ProcessLookupError):
                os.kill(victim, number[fault])
        return bool(victims)

    def finish(self) -> None:
        """Continue to the end, once there is room on the disk: a full one fails every start."""
        (self.path / "runs" / "fail").unlink(missing_ok=True)
        child = child_of(str(self.root), self.study, self.program, None)
        child.join(600)
        assert child.exitcode == 0
        assert self.finished


def ends_on_record(path: Path) -> Counter[str]:
    """Return how often the journal says that each run has finished."""
    entries = folders.journal_of(path).read().entries
    return Counter(e["run"] for e in entries if e.get("state") in FINISHED)


@pytest.mark.parametrize("faults", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_a_disturbed_study_ends_as_one_left_alone(tmp_path: Path, faults: int) -> None:
    met: Counter[str] = Counter()
    number = 0
    while met.total() < faults:
        study = small_study(seeds=6)
        trouble = Troublemaker(tmp_path / str(number), study, STAND_IN, 0.4)
        while not trouble.finished and (met + trouble.met).total() < faults:
            turn = sum((met + trouble.met).values())
            trouble.disturb(FAULTS[turn % len(FAULTS)])
        met, number = met + trouble.met, number + 1
        trouble.finish()
        jobs = jobs_of(study)
        assert ends_on_record(trouble.path) == {job.name: 1 for job in jobs}
        for job in jobs:
            folder = trouble.path / "runs" / job.name
            assert (folder / "chain").read_text() == chain(job.seed, UNITS)
            starts = [int(line.split()[0]) for line in (folder / "starts").open()]
            assert starts == sorted(starts), "work was lost"
        kept = {path.name for path in (trouble.path / "runs").iterdir()} - {"fail"}
        assert kept == {job.name for job in jobs}
    assert min(met[fault] for fault in FAULTS) >= faults // len(FAULTS) - 1


def assert_as_left_alone(trouble: Troublemaker, job: Job, root: Path) -> None:
    """Compare a run's last snapshot and log with those of a run without a study."""
    alone = session.start(with_threads(job.cfg, 1), root)
    ours = RunFolder(trouble.path / "runs" / job.name)
    mine, theirs = read_state(ours.checkpoints), read_state(alone.checkpoints)
    assert mine.tensors.keys() == theirs.tensors.keys()
    different = [
        n for n, x in mine.tensors.items() if not torch.equal(x, theirs.tensors[n])
    ]
    assert not different, job
    steps = [row["env_steps"] for row in read_rows(ours.metrics)]
    assert steps == [row["env_steps"] for row in read_rows(alone.metrics)]
    assert ours.manifest()["result"] == alone.manifest()["result"]


@pytest.mark.slow
def test_runs_that_train_end_as_those_left_alone_after_100_faults(
    tmp_path: Path,
) -> None:
    slower = replace(TINY, budget=replace(TINY.budget, env_steps=1500))
    study = small_study(seeds=8, cfg=slower)
    met, number = 0, 0
    while met < 100:
        trouble = Troublemaker(tmp_path / str(number), study, WORKER, 9.0)
        while not trouble.finished and met + trouble.met.total() < 100:
            trouble.disturb(FAULTS[trouble.met.total() % (len(FAULTS) - 1)])
        met, number = met + trouble.met.total(), number + 1
        trouble.finish()
        jobs = jobs_of(study)
        assert ends_on_record(trouble.path) == {job.name: 1 for job in jobs}
        for job in jobs:
            assert_as_left_alone(trouble, job, tmp_path / f"alone-{number}")


def test_a_run_that_trains_continues_after_a_kill(tmp_path: Path) -> None:
    study = replace(small_study(seeds=1), arms=())
    trouble = Troublemaker(tmp_path / "studies", study, WORKER, 0.0)
    (job,) = jobs_of(study)
    folder = RunFolder(trouble.path / "runs" / job.name)
    child = child_of(str(trouble.root), study, WORKER, None)
    assert child.pid
    late = time.monotonic() + 120
    while not any(folder.checkpoints.glob("snapshot-*.json")):
        assert time.monotonic() < late
        time.sleep(0.001)
    for pid in children_of(child.pid):
        os.kill(pid, signal.SIGKILL)
    child.join(120)
    assert child.exitcode == 0
    assert trouble.finished
    assert read_states(trouble.path)[job.name].starts == 2
    assert_as_left_alone(trouble, job, tmp_path / "alone")

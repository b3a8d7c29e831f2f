"""Workers as processes: what they get, how they end, and that they end with the study."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from puckrl.core.errors import RunFailed, UserError
from puckrl.runner.interrupt import Signals
from puckrl.study import folder as folders
from puckrl.study import local
from puckrl.study.admission import Demand, Gpu
from puckrl.study.jobs import FINISHED
from puckrl.study.ledger import Ledger
from puckrl.study.local import LocalWorkers, environment, last_line
from puckrl.study.schedule import all_runs, run_jobs
from tests.study.small import STAND_IN, Told, small_study, two_at_a_time
from tests.study.stand_in import HELD_AT, UNITS, chain


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    file = tmp_path / "small.yaml"
    file.write_text("")
    study = small_study()
    with Ledger(folders.create(tmp_path, study, {}, file), study) as opened:
        yield opened


def wait_for(path: Path) -> None:
    late = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < late, path
        time.sleep(0.005)


def test_every_run_comes_to_its_end_with_the_threads_of_all(ledger: Ledger) -> None:
    workers = LocalWorkers(ledger, two_at_a_time(), program=STAND_IN)
    summary = run_jobs(ledger, workers, all_runs(ledger.jobs), Told(), Signals())
    assert summary.counts == {"done": 4}
    for job in ledger.jobs:
        folder = ledger.folder_of(job).path
        assert (folder / "chain").read_text() == chain(job.seed, UNITS)
        assert (folder / "starts").read_text() == "0 1\n"
        assert "num_threads: 1" in (folder / "config.yaml").read_text()


def test_a_killed_worker_continues_from_its_snapshot(ledger: Ledger) -> None:
    workers = LocalWorkers(ledger, two_at_a_time(), program=STAND_IN)
    job = ledger.jobs[0]
    folder = ledger.folder_of(job)
    hold = folder.path.parent / "hold"
    hold.touch()
    workers.start(job)
    wait_for(folder.checkpoints / "snapshot-000002.json")
    os.kill(workers._started[job.name].process.pid, signal.SIGKILL)
    (end,) = workers.ended(60)
    assert end.code == -signal.SIGKILL
    hold.unlink()
    run_jobs(ledger, workers, all_runs(ledger.jobs), Told(), Signals())
    assert (folder.path / "chain").read_text() == chain(job.seed, UNITS)
    first, second = (folder.path / "starts").read_text().split("\n")[:2]
    assert (first, second) == ("0 1", f"{HELD_AT} 1"), "it did not begin anew"


def test_a_stop_ends_them_with_a_snapshot(ledger: Ledger) -> None:
    workers = LocalWorkers(ledger, two_at_a_time(), program=STAND_IN)
    (ledger.path / "runs" / "hold").touch()
    for job in ledger.jobs[:2]:
        workers.start(job)
        wait_for(ledger.folder_of(job).checkpoints / "snapshot-000001.json")
    assert not workers.has_room()
    workers.stop()
    ends: list[int] = []
    while workers.running:
        ends += [end.code for end in workers.ended(60)]
    assert ends == [143, 143]
    assert workers.has_room()
    assert workers.ended(0.01) == []


def test_workers_end_with_a_snapshot_when_the_study_is_killed(tmp_path: Path) -> None:
    """The study is a process that starts a worker and is killed at once."""
    (tmp_path / "hold").touch()
    order = '{"config": "seed: 3\\nbudget: {env_steps: 1}", "folder": "%s"}\n'
    program = (
        "import os, signal, subprocess, sys\n"
        f"p = subprocess.Popen({list(STAND_IN)!r}, stdin=subprocess.PIPE, "
        "start_new_session=True, env={'OMP_NUM_THREADS': '1'})\n"
        f"p.stdin.write({order % (tmp_path / 'run')!r}.encode()); p.stdin.flush()\n"
        f"snapshot = {str(tmp_path / 'run/checkpoints/snapshot-000001.json')!r}\n"
        "while not os.path.exists(snapshot): pass\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    manifest = tmp_path / "run" / "manifest.json"
    late = time.monotonic() + 60
    while "interrupted" not in manifest.read_text():
        assert time.monotonic() < late
        time.sleep(0.01)
    assert not (tmp_path / "run" / "chain").exists()


def test_a_worker_that_never_reads_its_order_is_an_end_like_any_other(
    ledger: Ledger,
) -> None:
    program = (sys.executable, "-S", "-c", "import sys; print('no'); sys.exit(7)")
    workers = LocalWorkers(ledger, two_at_a_time(), program=program)
    workers.start(ledger.jobs[0])
    (end,) = workers.ended(60)
    assert (end.code, end.said) == (7, "no")


def test_runs_are_divided_among_gpus_by_their_memory(ledger: Ledger) -> None:
    admission = replace(two_at_a_time(), slots=4, demand=Demand(1.0, 20e9, 0.0))
    gpus = (Gpu("GPU-a", 90e9), Gpu("GPU-b", 30e9))
    program = (
        *(sys.executable, "-S", "-c"),
        "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])",
    )
    workers = LocalWorkers(ledger, admission, gpus, program)
    for job in ledger.jobs:
        workers.start(job)
    while workers.running:
        workers.ended(60)
    given = [last_line(ledger.output_of(job)) for job in ledger.jobs]
    assert given == ["GPU-a", "GPU-b", "GPU-a", "GPU-a"], "one fits on b"


def test_memory_that_others_took_meanwhile_is_waited_for_or_told(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = replace(two_at_a_time(), demand=Demand(2e9, 0.0, 0.0))
    workers = LocalWorkers(ledger, admission, program=STAND_IN)
    monkeypatch.setattr(local, "free_ram", lambda: 2.5e9)
    assert workers.has_room()
    monkeypatch.setattr(local, "free_ram", lambda: 2.1e9)
    with pytest.raises(UserError, match=r"needs 2\.0 GB of RAM and 2\.1 GB is free"):
        workers.has_room()
    workers.start(ledger.jobs[0])
    assert not workers.has_room()
    workers.kill()
    assert not workers.running


def test_company_that_comes_later_stops_a_study_in_seconds(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def refuse(cores: int) -> None:
        asked.append(cores)
        if len(asked) > 2:
            raise UserError("others")

    monkeypatch.setattr(local, "refuse_company", refuse)
    admission = replace(two_at_a_time(), slots=1, exclusive=True)
    workers = LocalWorkers(ledger, admission, program=STAND_IN)
    with pytest.raises(RunFailed, match="the study stopped: others"):
        run_jobs(ledger, workers, all_runs(ledger.jobs), Told(), Signals())
    assert sum(run.state in FINISHED for run in ledger.states.values()) == 2


def test_threads_of_every_library_are_equal() -> None:
    given = environment(3, None)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS")
    assert {given[name] for name in names} == {"3"}
    assert "CUDA_VISIBLE_DEVICES" not in given
    assert environment(3, "GPU-a")["CUDA_VISIBLE_DEVICES"] == "GPU-a"


def test_the_last_line_of_a_long_output(tmp_path: Path) -> None:
    output = tmp_path / "run.log"
    assert last_line(output) == ""
    output.write_bytes(b"\xff" * 9000 + b"\npuck: no space\n\n")
    assert last_line(output) == "no space"

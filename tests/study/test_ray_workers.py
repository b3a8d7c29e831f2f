"""Ray: workers killed, nodes removed, the head restarted; nothing is lost or done twice."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from puckrl.core.errors import UserError
from puckrl.runner.interrupt import Signals
from puckrl.study import folder as folders
from puckrl.study.admission import Admission, Demand
from puckrl.study.ledger import Ledger
from puckrl.study.schedule import Summary, all_runs, run_jobs
from tests.study.small import STAND_IN, TINY, Told, small_study
from tests.study.stand_in import UNITS, chain

ray = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402

from puckrl.study import ray_workers  # noqa: E402
from puckrl.study.ray_workers import Node, RayWorkers  # noqa: E402

pytestmark = pytest.mark.slow  # Ray takes seconds to start

GIB = 2**30
RUN = Demand(ram=1.5 * GIB, gpu=0.0, disk=0.0)
OWN = Admission(2, 1, False, "cores", RUN)


def make_cluster() -> Cluster:
    """Start a head without CPUs and two nodes of one CPU and 2 GiB."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=1, memory=2 * GIB)
    return cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = make_cluster()
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    file = tmp_path / "small.yaml"
    file.write_text("")
    study = small_study()
    with Ledger(folders.create(tmp_path, study, {}, file), study) as opened:
        yield opened


def hold(ledger: Ledger) -> Path:
    """Let workers wait in the middle of their work, for as long as a file exists."""
    file = ledger.path / "runs" / "hold"
    file.touch()
    return file


def wait_until(true: Callable[[], bool]) -> None:
    late = time.monotonic() + 120
    while not true():
        assert time.monotonic() < late
        time.sleep(0.05)


def held(ledger: Ledger, count: int) -> Callable[[], bool]:
    """Return what says whether so many workers wait."""
    pattern = "*/checkpoints/snapshot-000002.json"
    return lambda: len(list((ledger.path / "runs").glob(pattern))) >= count


def conduct(
    ledger: Ledger,
    cluster: Cluster,
    trouble: Callable[[], None],
    signals: Signals | None = None,
) -> Summary:
    """Run a study while something happens to it."""
    connected = ray_workers.connect(cluster.address)
    workers = RayWorkers(ledger, OWN, connected, STAND_IN)
    other = threading.Thread(target=trouble)
    other.start()
    signals = signals or Signals()
    with signals.patient(lambda status: None):
        summary = run_jobs(ledger, workers, all_runs(ledger.jobs), Told(), signals)
    other.join()
    return summary


def starts_of(ledger: Ledger) -> list[list[int]]:
    """Return for every job the units that each of its starts has found."""
    files = [ledger.folder_of(job).path / "starts" for job in ledger.jobs]
    files = [file for file in files if file.is_file()]
    return [[int(line.split()[0]) for line in file.open()] for file in files]


def assert_all_done(ledger: Ledger) -> None:
    assert ledger.counts() == {"done": len(ledger.jobs)}
    for job in ledger.jobs:
        written = (ledger.folder_of(job).path / "chain").read_text()
        assert written == chain(job.seed, UNITS)
    for starts in starts_of(ledger):
        assert starts == sorted(starts)


def test_a_killed_task_and_a_killed_worker_continue(
    cluster: Cluster, ledger: Ledger
) -> None:
    waiting = hold(ledger)

    def kill() -> None:
        wait_until(held(ledger, 2))
        first, second = (ledger.folder_of(job).path for job in ledger.jobs[:2])
        os.kill(int((first / "parent").read_text()), signal.SIGKILL)  # Ray's process
        ours = [p for p in Path("/proc").glob("[0-9]*") if _is_worker_of(p, second)]
        os.kill(int(ours[0].name), signal.SIGKILL)
        waiting.unlink()

    conduct(ledger, cluster, kill)
    assert_all_done(ledger)
    assert starts_of(ledger)[:2] == [[0, 2], [0, 2]]
    assert starts_of(ledger)[2:] == [[0], [0]]


def _is_worker_of(process: Path, folder: Path) -> bool:
    """Return whether a process is the stand-in that holds a folder's lock."""
    try:
        opened = [os.readlink(link) for link in (process / "fd").iterdir()]
    except OSError:
        return False
    return str(folder / "lock") in opened


def test_runs_of_a_removed_node_continue_on_another(
    cluster: Cluster, ledger: Ledger
) -> None:
    waiting = hold(ledger)

    def remove() -> None:
        wait_until(held(ledger, 2))
        (*_, node) = cluster.worker_nodes
        cluster.remove_node(node, allow_graceful=False)
        waiting.unlink()

    conduct(ledger, cluster, remove)
    assert_all_done(ledger)
    assert sorted(map(len, starts_of(ledger)[:2])) == [1, 2]
    assert [0, 2] in starts_of(ledger)[:2]


def test_a_study_goes_on_after_the_head_was_restarted(
    tmp_path: Path, cluster: Cluster, ledger: Ledger
) -> None:
    waiting = hold(ledger)
    signals = Signals()

    def end() -> None:
        wait_until(held(ledger, 2))
        signals.number = signal.SIGTERM  # as the driver's death: its tasks end

    conduct(ledger, cluster, end, signals)
    ray.shutdown()
    cluster.shutdown()
    assert ledger.counts() == {"interrupted": 2, "queued": 2}
    waiting.unlink()
    second = make_cluster()
    try:
        ledger.settle()
        conduct(ledger, second, lambda: None)
    finally:
        ray.shutdown()
        second.shutdown()
    assert_all_done(ledger)
    assert starts_of(ledger)[:2] == [[0, 2], [0, 2]]


def test_a_study_goes_on_after_its_cluster_was_lost(
    cluster: Cluster, ledger: Ledger
) -> None:
    """Ray kills what its workers have started, too: the last snapshots remain."""
    waiting = hold(ledger)
    connected = ray_workers.connect(cluster.address)
    workers = RayWorkers(ledger, OWN, connected, STAND_IN)
    for job in ledger.jobs[:2]:
        workers.start(job)
    wait_until(held(ledger, 2))
    ray.shutdown()
    cluster.shutdown()
    waiting.unlink()
    second = make_cluster()
    try:
        conduct(ledger, second, lambda: None)
    finally:
        ray.shutdown()
        second.shutdown()
    assert_all_done(ledger)


def test_what_no_node_can_hold_is_refused_with_the_numbers(
    cluster: Cluster, ledger: Ledger
) -> None:
    connected = ray_workers.connect(cluster.address)
    connected.refuse_without(ledger.path)
    found = connected.share([RUN] * 4, disk=1e12, exclusive=False)
    assert (found.slots, found.threads, found.why) == (2, 1, "the cluster")
    exclusive = connected.share([RUN] * 4, disk=1e12, exclusive=True)
    assert (exclusive.slots, exclusive.threads) == (2, 1)
    for demand, words in (
        (replace(RUN, ram=3 * GIB), r"needs 1 CPUs, 3\.2 GB of RAM, and no node .* 2\.1 GB"),
        (replace(RUN, gpu=1.0), "of RAM and a GPU, and no node"),
        (replace(RUN, threads=2), r"needs 2 CPUs, .*: 1 CPUs, 2\.1 GB, 0 GPUs"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=words):
            connected.share([demand], disk=1e12, exclusive=False)
    too_large = RayWorkers(
        ledger, replace(OWN, demand=replace(RUN, ram=3 * GIB)), connected, STAND_IN
    )
    with pytest.raises(UserError, match="no node of the Ray cluster"):
        run_jobs(ledger, too_large, all_runs(ledger.jobs), Told(), Signals())
    cluster.add_node(num_cpus=2, memory=2 * GIB)
    with pytest.raises(UserError, match="not alike"):
        connected.share([RUN], disk=1e12, exclusive=True)


def test_a_run_that_trains_trains_on_a_node(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text("")
    study = replace(small_study(seeds=1, cfg=TINY), arms=())
    path = folders.create(tmp_path, study, {}, file)
    connected = ray_workers.connect(cluster.address)
    with Ledger(path, study) as ledger:
        workers = RayWorkers(ledger, OWN, connected)
        run_jobs(ledger, workers, all_runs(ledger.jobs), Told(), Signals())
        assert ledger.counts() == {"done": 1}
        (job,) = ledger.jobs
        assert ledger.folder_of(job).manifest()["clock"]["env_steps"] == 600


def test_a_cluster_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UserError, match="no Ray cluster at"):
        ray_workers.connect("auto")


def test_threads_by_hand() -> None:
    nodes = [Node("a", "a", 8.0, 100.0, 0.0), Node("b", "b", 4.0, 100.0, 0.0)]
    demand = Demand(10.0, 0.0, 0.0)
    for wanted, threads in ((1, 8), (2, 4), (3, 4), (4, 2), (12, 1), (50, 1)):
        found = ray_workers._threads(nodes, demand, wanted, exclusive=False)
        assert found == threads, wanted

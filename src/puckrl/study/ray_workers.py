"""Run the jobs of a study as tasks of a Ray cluster; needs the extra ``[ray]``.

A task starts the same worker process as ``local.py`` does, on the node that Ray chooses,
and waits for it. When a task's process or its node dies, its worker loses its stdin and
ends; Ray starts the task again elsewhere, and the run continues from its snapshots. So
every node must see the study's folder.

Ray admits by what is declared: CPUs, a whole GPU and memory. A request that no node can
hold would wait for ever without a word, so it is refused here, with the numbers.
"""

import logging
import signal
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from puckrl.config.run_cfg import to_yaml
from puckrl.core.errors import UserError, exit_code_of, first_line
from puckrl.runner.memory import size_text
from puckrl.study.admission import Admission, Demand, largest_of
from puckrl.study.jobs import Job, with_threads
from puckrl.study.ledger import Ledger
from puckrl.study.local import WORKER, environment, last_line
from puckrl.study.ray_task import Seen, look, run_worker
from puckrl.study.schedule import Ended

try:
    import ray
    from ray.exceptions import RayError, TaskCancelledError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as error:
    raise UserError("--workers ray needs Ray: pip install 'puckrl[ray]'") from error

_RAY_RETRIES = 5  # of a task whose process or node died
_PROBE_S = 60.0


@dataclass(frozen=True)
class Node:
    """Hold what a node of the cluster offers."""

    id: str
    """Ray's id."""
    name: str
    """Host."""
    cpus: float
    """CPUs, as declared."""
    memory: float
    """Bytes of RAM, as declared."""
    gpus: float
    """GPUs, as declared."""


class Cluster:
    """A connection to a Ray cluster.

    Args:
        mine: whether it was started here, and ends with the connection.
    """

    def __init__(self, *, mine: bool) -> None:
        self.mine = mine
        self._cpu_names: set[str] = set()

    def nodes(self) -> list[Node]:
        """Return the living nodes that offer a CPU."""
        return [
            Node(
                node["NodeID"],
                node["NodeManagerHostname"],
                node["Resources"].get("CPU", 0.0),
                node["Resources"].get("memory", 0.0),
                node["Resources"].get("GPU", 0.0),
            )
            for node in ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU", 0.0) > 0
        ]

    def share(
        self,
        demands: Sequence[Demand],
        *,
        disk: float,
        exclusive: bool,
        at_most: int | None = None,
        threads: int | None = None,
    ) -> Admission:
        """Return how runs share the cluster; threads are equal for all.

        Args:
            demands: of every run that is still to finish; at least one.
            disk: free bytes of the disk that holds the study.
            exclusive: whether a run has a node to itself, because seconds count.
            at_most: the user's own limit of runs at a time; None: none.
            threads: of every run, where the study has begun with them; None: choose.

        Raises:
            UserError: with the numbers, if no node can hold a run, the disk cannot hold
                the snapshots of all, or seconds count on nodes that are not alike.
        """
        nodes, largest = self.nodes(), largest_of(demands, threads)
        largest.refuse_disk(disk, len(demands))
        if exclusive:
            _refuse_unlike(nodes, self._cpu_names)
        fitting = [node for node in nodes if _room(node, largest, largest.threads or 1)]
        if not fitting:
            raise UserError(_nowhere(largest, nodes))
        wanted = min(len(demands), at_most or len(demands))
        each = largest.threads or _threads(
            fitting, largest, wanted, exclusive=exclusive
        )
        fits = sum(_room(node, largest, each) for node in fitting)
        slots = min(wanted, len(fitting) if exclusive else fits)
        why = "the cluster" if slots < wanted else "runs"
        return Admission(slots, each, exclusive, why, largest)

    def refuse_without(self, folder: Path) -> None:
        """Check that every node sees the folder that holds studies.

        Raises:
            UserError: if one does not; names it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        token = folder.absolute() / f"shared-{uuid4().hex}"
        token.touch()
        try:
            asked = {
                node.name: _look.options(
                    num_cpus=0, scheduling_strategy=_on(node)
                ).remote(str(token))
                for node in self.nodes()
            }
            answers = {name: _answer(seen) for name, seen in asked.items()}
        finally:
            token.unlink()
        self._cpu_names = {answer.cpu for answer in answers.values()}
        for name, answer in answers.items():
            if not answer.sees:
                raise UserError(
                    f"node {name} does not see {folder.absolute()}; put --root on storage "
                    "that all nodes share, at the same path"
                )

    def close(self) -> None:
        """Disconnect; end a cluster that was started here."""
        ray.shutdown()


def connect(address: str | None) -> Cluster:
    """Connect to a Ray cluster, or start one on this machine.

    Args:
        address: HOST:PORT; auto: the cluster that this machine belongs to; None: a new one
            of this machine alone.

    Raises:
        UserError: if there is no cluster, or it cannot be reached.
    """
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR)
    except (RayError, ConnectionError, OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"no Ray cluster at {address or 'this machine'}: {first_line(error)}; start one "
            "with: ray start --head"
        ) from error
    finally:
        for number, handler in handlers.items():  # Ray takes SIGTERM for itself
            signal.signal(number, handler)
    return Cluster(mine=address is None)


class RayWorkers:
    """Run every job as a task of the cluster; see ``schedule.Workers``.

    Args:
        ledger: the study's folder, which every node sees.
        admission: what every run asks for.
        cluster: where.
        program: starts a worker.
    """

    def __init__(
        self,
        ledger: Ledger,
        admission: Admission,
        cluster: Cluster,
        program: Sequence[str] = WORKER,
    ) -> None:
        self._ledger, self._admission, self._cluster = ledger, admission, cluster
        self._program = tuple(program)
        self._tasks: dict[Any, Job] = {}

    @property
    def running(self) -> Collection[str]:
        """Return the names of the jobs under way, those that wait for a node among them."""
        return tuple(job.name for job in self._tasks.values())

    def has_room(self) -> bool:
        """Return whether another job may start now.

        Raises:
            UserError: if none is under way and no living node can hold a run any more.
        """
        own = self._admission
        nodes = self._cluster.nodes()
        room = sum(_room(node, own.demand, own.threads) for node in nodes)
        if not room and not self._tasks:
            raise UserError(f"{_nowhere(own.demand, nodes)}; continue with --resume")
        return len(self._tasks) < min(room, own.slots)

    def start(self, job: Job) -> None:
        """Submit a task that begins or continues the job."""
        own = self._admission
        order = {
            "config": to_yaml(with_threads(job.cfg, own.threads)),
            "folder": str(self._ledger.folder_of(job).path.absolute()),
        }
        output = self._ledger.output_of(job).absolute()
        output.parent.mkdir(exist_ok=True)
        task = _task.options(
            num_cpus=own.threads,
            num_gpus=1 if own.demand.gpu else 0,
            memory=int(own.demand.ram),
            max_retries=_RAY_RETRIES,
            name=job.name,
        ).remote(order, str(output), environment(own.threads, None), self._program)
        self._tasks[task] = job

    def ended(self, wait_s: float) -> list[Ended]:
        """Return the jobs that have ended, after at most this time.

        Raises:
            UserError: if the cluster is lost.
        """
        tasks = list(self._tasks)
        try:
            over, _ = ray.wait(tasks, timeout=wait_s, fetch_local=False)
        except RayError as error:
            self._tasks.clear()
            text = (
                f"the Ray cluster is lost: {first_line(error)}; continue with --resume"
            )
            raise UserError(text) from error
        return [self._over(task) for task in over]

    def stop(self) -> None:
        """Ask every task to end its worker with a snapshot."""
        for task in self._tasks:
            ray.cancel(task, force=False)

    def kill(self) -> None:
        """Kill every task's process; its worker loses its stdin, and ends."""
        for task in self._tasks:
            ray.cancel(task, force=True)
        self._tasks.clear()

    def _over(self, task: Any) -> Ended:
        """Forget a task that has ended; return how its worker did."""
        job = self._tasks.pop(task)
        said = last_line(self._ledger.output_of(job))
        try:
            return Ended(job, ray.get(task), said)
        except TaskCancelledError:
            return Ended(job, exit_code_of(signal.SIGTERM), said)
        except RayError as error:  # it died more often than Ray starts it again
            return Ended(job, -signal.SIGKILL, first_line(error))


_task = ray.remote(run_worker)
_look = ray.remote(look)


def _answer(seen: Any) -> Seen:
    """Return a node's answer; no answer in time is a no."""
    try:
        return ray.get(seen, timeout=_PROBE_S)
    except (RayError, TimeoutError):
        return Seen(False, "")


def _room(node: Node, demand: Demand, threads: int) -> int:
    """Return the number of runs that fit on an idle node."""
    most = [node.cpus // threads, node.memory // demand.ram]
    return int(min([*most, node.gpus] if demand.gpu else most))


def _threads(
    nodes: Sequence[Node], demand: Demand, wanted: int, *, exclusive: bool
) -> int:
    """Return the most threads a run that still let as many run at a time as can."""
    if exclusive:
        return int(min(node.cpus for node in nodes))
    best, most = 1, min(wanted, sum(_room(node, demand, 1) for node in nodes))
    for threads in range(2, int(max(node.cpus for node in nodes)) + 1):
        if sum(_room(node, demand, threads) for node in nodes) >= most:
            best = threads
    return best


def _on(node: Node) -> NodeAffinitySchedulingStrategy:
    """Return the strategy that places a task on this node."""
    return NodeAffinitySchedulingStrategy(node.id, soft=False)


def _refuse_unlike(nodes: Sequence[Node], cpu_names: Collection[str]) -> None:
    """Raise ``UserError`` if seconds of different nodes cannot be compared."""
    kinds = {f"{node.cpus:g} CPUs and {node.gpus:g} GPUs" for node in nodes}
    if len(kinds) > 1 or len(cpu_names) > 1:
        listed = ", ".join(sorted({*kinds, *cpu_names}))
        raise UserError("the study's clock is in seconds, and the cluster's nodes are not "
                        f"alike ({listed}); use equal nodes, or measure by env_steps or "
                        "updates")  # fmt: skip


def _nowhere(demand: Demand, nodes: Sequence[Node]) -> str:
    """Return that no node can hold a run, with the numbers."""
    gpu = " and a GPU" if demand.gpu else ""
    offers = "; ".join(
        f"{node.name}: {node.cpus:g} CPUs, {size_text(node.memory)}, {node.gpus:g} GPUs"
        for node in nodes
    )
    return (
        f"a run needs {demand.threads or 1} CPUs, {size_text(demand.ram)} of RAM{gpu}, and "
        f"no node of the Ray cluster has that: {offers or 'there is none'}"
    )

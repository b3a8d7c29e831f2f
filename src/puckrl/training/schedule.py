"""Iterations of a run: control steps of every world, and the updates due for them.

    sequential   collect | update | collect | update
    overlapped   collect          | collect          physics and the behavior policy
                 update           | update           with the batches of earlier steps

Physics on a GPU launches thousands of small kernels that leave most of it idle, so the
updates of the previous iteration can run concurrently. The behavior policy of an
overlapped schedule always lags one iteration behind, independent of the GPU's timing.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import torch

from puckrl.agents.policy import BehaviorPolicy, copy_tensors
from puckrl.core.clock import Clock
from puckrl.core.runtime import torch_threads
from puckrl.core.stream import SideStream
from puckrl.training.collect import Collected, Collector
from puckrl.training.learner import Learner, PendingUpdates
from puckrl.training.status import Report, Status

MeanMetrics = dict[str, float]


class Schedule(Protocol):
    """Runs iterations."""

    def __call__(self, clock: Clock, report: Report) -> tuple[Collected, MeanMetrics]:
        """Run one iteration; return what it collected, and mean metrics of updates."""
        ...


class Sequential:
    """Collects first and then makes the updates due for the new steps.

    Args:
        collector: collects into the replay buffer.
        learner: updates the agent.
        steps: control steps of every world.
    """

    def __init__(self, collector: Collector, learner: Learner, steps: int) -> None:
        self._collector, self._learner, self._steps = collector, learner, steps

    def __call__(self, clock: Clock, report: Report) -> tuple[Collected, MeanMetrics]:
        """Run one iteration; see ``Schedule``."""
        learner = self._learner
        self._update(clock, report)  # what an interrupted compilation has left due
        report(Status.WARMING_UP if learner.warming_up else Status.COLLECTING)
        with clock.measure("collect"), torch_threads(1):
            collected = self._collector.collect(learner.behavior, self._steps)
        learner.earn(collected.env_steps)
        return collected, self._update(clock, report)

    def _update(self, clock: Clock, report: Report) -> MeanMetrics:
        """Make the updates that are due; return their mean metrics."""
        updates = self._learner.pending()
        compile_first(self._learner, updates, clock, report)
        if updates.left:
            report(Status.LEARNING)
        with clock.measure("update"):  # on CUDA ``means`` waits for the updates
            updates.run(updates.left)
            metrics = updates.means()
        clock.updates += updates.updates
        return metrics


class Overlapped:
    """Collects, and concurrently makes the updates due for earlier iterations.

    Args:
        collector: collects into the replay buffer.
        learner: updates the agent.
        behavior: a copy of the agent's behavior policy; it acts with the parameters from
            the beginning of the iteration.
        steps: control steps of every world.
    """

    def __init__(
        self,
        collector: Collector,
        learner: Learner,
        behavior: BehaviorPolicy,
        steps: int,
    ) -> None:
        self._collector, self._learner, self._steps = collector, learner, steps
        self._behavior = behavior
        self._side = SideStream(behavior.device)
        self._updates: PendingUpdates
        self._launched = 0

    def __call__(self, clock: Clock, report: Report) -> tuple[Collected, MeanMetrics]:
        """Run one iteration; see ``Schedule``."""
        learner = self._learner
        self._updates, self._launched = learner.pending(), 0
        with torch.no_grad():
            copy_tensors(learner.agent.behavior, self._behavior)
        with torch_threads(1):  # a different number of threads would compile again
            compile_first(learner, self._updates, clock, report)
        report(Status.WARMING_UP if learner.warming_up else Status.LEARNING)
        policy = learner.behavior if learner.warming_up else self._behavior
        with clock.measure("overlap"), torch_threads(1):
            self._side.begin()
            collected = self._collector.collect(policy, self._steps, self)
            self._side.join()
            metrics = self._updates.means()
        clock.updates += self._updates.updates
        learner.earn(collected.env_steps)
        return collected, metrics

    def meanwhile(self) -> None:
        """Launch this control step's share of the updates."""
        self._launched += 1
        others = self._steps - self._launched
        with self._side.active():
            self._updates.run(-(-self._updates.left // (others + 1)))

    @contextmanager
    def paused(self) -> Generator[None]:
        """Sample no batch inside, while the replay buffer changes."""
        self._side.join()
        yield
        self._side.begin()


def compile_first(
    learner: Learner, updates: PendingUpdates, clock: Clock, report: Report
) -> None:
    """Make the round that compiles, timed separately from updates.

    If the user interrupts it, no update is made: all stay due, also for a resumed run.
    """
    if updates.left and not learner.ready:
        report(Status.COMPILING)
        with clock.measure("compile"), learner.undone_if_interrupted(updates):
            updates.run(1)
            learner.ready = True

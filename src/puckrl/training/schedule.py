"""A turn: some control steps of every world, and the updates that they earn.

    in turn      collect | update | collect | update
    overlapped   collect          | collect          physics, and what the policy sees
                 update           | update           from what was there before

Physics on a GPU is thousands of small kernels that leave most of it idle, which the
updates of the turn before can use meanwhile. Whoever plays then has the weights of the
turn's beginning: one turn older than in turn, and the same whatever the GPU's timing.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal, Protocol

from puckrl.agents.actor_critic import ActorCritic
from puckrl.core.clock import Clock
from puckrl.core.runtime import torch_threads
from puckrl.core.stream import SideStream
from puckrl.training.learner import Learner, PendingUpdates
from puckrl.training.rollout import Collected, Collector

Doing = Literal[
    "warming up",
    "collecting",
    "compiling",
    "learning",
    "evaluating",
    "saving",
    "stopping after this turn; ctrl-C again ends it now",
    "ended",
]
Say = Callable[[Doing], None]
Metrics = dict[str, float]


class Schedule(Protocol):
    """One turn of a run."""

    def __call__(self, clock: Clock, say: Say) -> tuple[Collected, Metrics]:
        """What was collected, and the mean metrics of the updates."""
        ...


class Sequential:
    """Collects, then makes the updates that this has earned.

    Args:
        collector: plays into the replay.
        learner: updates the agent, and says who plays.
        steps: control steps of every world.
    """

    def __init__(self, collector: Collector, learner: Learner, steps: int) -> None:
        self._collector, self._learner, self._steps = collector, learner, steps

    def __call__(self, clock: Clock, say: Say) -> tuple[Collected, Metrics]:
        """See ``Schedule``."""
        learner = self._learner
        say("warming up" if learner.warming_up else "collecting")
        with clock.measure("collect"), torch_threads(1):
            collected = self._collector.collect(learner.policy, self._steps)
        learner.earn(collected.env_steps)
        rounds = learner.rounds()
        compile_first(learner, rounds, clock, say)
        if rounds.left:
            say("learning")
        with clock.measure("update"):  # on CUDA its end is where updates are waited for
            rounds.go_on(rounds.left)
            metrics = rounds.means()
        clock.updates += rounds.updates
        return collected, metrics


class Overlapped:
    """Collects, and meanwhile makes the updates that earlier turns have earned.

    Args:
        collector: plays into the replay.
        learner: updates the agent.
        stand_in: plays for the agent, with the weights of the turn's beginning.
        steps: control steps of every world.
    """

    def __init__(
        self,
        collector: Collector,
        learner: Learner,
        stand_in: ActorCritic,
        steps: int,
    ) -> None:
        self._collector, self._learner, self._steps = collector, learner, steps
        self._stand_in = stand_in
        self._side = SideStream(stand_in.device)
        self._rounds: PendingUpdates
        self._asked = 0

    def __call__(self, clock: Clock, say: Say) -> tuple[Collected, Metrics]:
        """See ``Schedule``."""
        learner = self._learner
        self._rounds, self._asked = learner.rounds(), 0
        self._stand_in.load(learner.agent.tensors())
        with torch_threads(1):  # another number below would compile once more
            compile_first(learner, self._rounds, clock, say)
        say("warming up" if learner.warming_up else "learning")
        policy = learner.policy if learner.warming_up else self._stand_in
        with clock.measure("overlap"), torch_threads(1):
            self._side.begin()
            collected = self._collector.collect(policy, self._steps, self)
            self._side.join()
            metrics = self._rounds.means()
        clock.updates += self._rounds.updates
        learner.earn(collected.env_steps)
        return collected, metrics

    def meanwhile(self) -> None:
        """The updates' share of a control step that is under way."""
        self._asked += 1
        others = self._steps - self._asked
        with self._side.active():
            self._rounds.go_on(-(-self._rounds.left // (others + 1)))

    @contextmanager
    def standing(self) -> Generator[None]:
        """No batch is looked up inside: the replay changes."""
        self._side.join()
        yield
        self._side.begin()


def compile_first(
    learner: Learner, rounds: PendingUpdates, clock: Clock, say: Say
) -> None:
    """The round that compiles, apart from the others: its time is no learning."""
    if rounds.left and not learner.ready:
        say("compiling")
        with clock.measure("compile"):
            rounds.go_on(1)
            learner.ready = True

"""Updates from collected steps, at the configured update-to-data ratio."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice

import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic, Branch
from puckrl.core import team
from puckrl.core.clock import Ratio
from puckrl.core.policy import Policy
from puckrl.core.runtime import torch_threads
from puckrl.core.types import Batch
from puckrl.replay.buffer import ReplayBuffer
from puckrl.replay.layout import bytes_per_sample, bytes_per_stack
from puckrl.replay.windows import bytes_per_transition
from puckrl.training.status import CompilationInterrupted

_ROUNDS_AT_ONCE = 16
_BYTES_AT_ONCE = 64 << 20


class Learner:
    """Updates an agent from a replay buffer.

    Args:
        agent: the agent to update.
        replay: the replay buffer to sample from.
        ratio: updates per env step.
        rng: draws batches.
        warm_up_episodes: episodes of random actions before the first update; what counts as
            one is ``replay.counted``'s to say.
        normalize_episodes: number of first episodes that input normalizers use, likewise.
        run: the compiled round of the agent; None: the uncompiled one.
        compiles: whether the first round compiles; it is then timed separately.
    """

    def __init__(
        self,
        agent: ActorCritic,
        replay: ReplayBuffer,
        ratio: Ratio,
        rng: torch.Generator,
        *,
        warm_up_episodes: int,
        normalize_episodes: int,
        run: Branch | None = None,
        compiles: bool = False,
    ) -> None:
        self.agent, self.replay, self.ratio, self.rng = agent, replay, ratio, rng
        self.warm_up_episodes = warm_up_episodes
        self.normalize_episodes = normalize_episodes
        self.normalized = 0
        """Episodes that the normalizers have used."""
        self._run = run
        self.ready = not compiles
        """Whether this process has compiled the round."""

    @property
    def warming_up(self) -> bool:
        """Whether the replay buffer has too few episodes for updates."""
        return team.minimum(self.replay.counted) < self.warm_up_episodes

    @property
    def behavior(self) -> Policy:
        """The policy that collects: random during the warm-up, then the agent's."""
        return self.agent.random if self.warming_up else self.agent.behavior

    def earn(self, new_steps: int) -> None:
        """Add the updates of ``new_steps`` env steps, unless warming up."""
        self._normalize()
        if not self.warming_up:
            self.ratio.earn(new_steps)

    def pending(self) -> "PendingUpdates":
        """Return the rounds of updates that are due now."""
        count, rest = divmod(self.ratio.due(), self.agent.updates_per_round)
        self.ratio.debt += rest
        return PendingUpdates(self.agent, self._batches(count), count, self._run)

    @contextmanager
    def undone_if_interrupted(self, updates: "PendingUpdates") -> Generator[None]:
        """Make ``CompilationInterrupted`` undo the updates inside, which stay due."""
        rngs = [self.rng, *self.agent.generators().values()]
        states = [rng.get_state() for rng in rngs]
        tensors = {name: x.clone() for name, x in self.agent.tensors().items()}
        try:
            yield
        except CompilationInterrupted:
            self.agent.load(tensors)
            for rng, state in zip(rngs, states, strict=True):
                rng.set_state(state)
            self.ratio.debt += updates.give_up()

    def _batches(self, rounds: int) -> Iterator[Batch]:
        """Yield the batch of each round; several are sampled at once."""
        spec, at_once = self.agent.batch_spec, self._rounds_at_once()
        for first in range(0, rounds, at_once):
            count = min(at_once, rounds - first)
            # Look-ups of a few hundred rows are slower with a second thread.
            with torch_threads(1):
                batch = self.replay.sample(spec, self.rng, count)
            yield from batch.split(count)

    def _rounds_at_once(self) -> int:
        """Return the number of rounds that are sampled at once; images limit it."""
        spec, spaces = self.agent.batch_spec, self.replay.spaces
        size = spec.transitions * bytes_per_sample(spaces)
        size += spec.num_pixels * bytes_per_stack(spaces)
        size += int(spec.transitions * bytes_per_transition(spec.history, spaces))
        return max(1, min(_ROUNDS_AT_ONCE, _BYTES_AT_ONCE // size))

    def _normalize(self) -> None:
        """Update the input normalizers with new episodes, early in a run."""
        last = min(team.minimum(self.replay.counted), self.normalize_episodes)
        if last <= self.normalized:
            return
        self.agent.update_normalizers(self.replay.vectors(self.normalized, last))
        self.normalized = last


class PendingUpdates:
    """Rounds of updates that are due.

    Args:
        agent: the agent to update.
        batches: batches, one for each round.
        count: number of rounds.
        run: see ``Learner``.
    """

    def __init__(
        self,
        agent: ActorCritic,
        batches: Iterator[Batch],
        count: int,
        run: Branch | None = None,
    ) -> None:
        self._agent, self._batches, self._run = agent, batches, run
        self._count, self.left = count, count
        """Rounds still to be made."""
        self._names: list[str] = []
        self._sums: Tensor | None = None

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return (self._count - self.left) * self._agent.updates_per_round

    def give_up(self) -> int:
        """Forget every round; return the updates that these would have been."""
        updates = self._count * self._agent.updates_per_round
        self._count, self.left, self._sums = 0, 0, None
        return updates

    def run(self, rounds: int) -> None:
        """Make the next ``rounds`` rounds; on CUDA, launch them only."""
        for batch in islice(self._batches, rounds):
            metrics = self._agent.update(batch, self._run)
            self._names = list(metrics)
            # Stacked, since separate sums would need a kernel each
            values = torch.stack(list(metrics.values()))
            self._sums = values if self._sums is None else self._sums + values
            self.left -= 1

    def means(self) -> dict[str, float]:
        """Return metrics averaged over the rounds made; on CUDA, wait for them."""
        if self._sums is None:
            return {}
        means = (self._sums / (self._count - self.left)).tolist()
        return dict(zip(self._names, means, strict=True))

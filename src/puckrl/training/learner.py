"""Turning collected steps into updates, at the configured update-to-data ratio."""

from collections.abc import Iterator
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

_ROUNDS_AT_ONCE = 16
_BYTES_AT_ONCE = 64 << 20


class Learner:
    """Updates an agent from a replay buffer.

    Args:
        agent: learns.
        replay: what it learns from.
        ratio: updates per env step.
        rng: draws batches.
        warm_up_episodes: episodes of random play before the first update.
        normalize_episodes: first episodes that the agent's input normalizers learn from.
        run: a round of the agent, as it was compiled; None: as it is written.
        compiles: the first round compiles, and is timed as such.
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
        """Episodes that the normalizers have learned from."""
        self._run = run
        self.ready = not compiles
        """Whether the first round, which compiles, is over in this process."""

    @property
    def warming_up(self) -> bool:
        """Whether the replay buffer still fills with random play."""
        return team.minimum(self.replay.episodes_added) < self.warm_up_episodes

    @property
    def behavior(self) -> Policy:
        """The policy that collects: random while warming up, then the agent's."""
        return self.agent.random if self.warming_up else self.agent.behavior

    def earn(self, new_steps: int) -> None:
        """Owe the updates of ``new_steps`` env steps, once the warm-up is over."""
        self._normalize()
        if not self.warming_up:
            self.ratio.earn(new_steps)

    def pending(self) -> "PendingUpdates":
        """Return the rounds of updates that are owed now, to be made one by one."""
        count, rest = divmod(self.ratio.due(), self.agent.updates_per_round)
        self.ratio.debt += rest
        return PendingUpdates(self.agent, self._batches(count), count, self._run)

    def _batches(self, rounds: int) -> Iterator[Batch]:
        """Yield the batch of each round; several are looked up at once."""
        spec, at_once = self.agent.batch_spec, self._rounds_at_once()
        for first in range(0, rounds, at_once):
            count = min(at_once, rounds - first)
            # Look-ups of a few hundred rows: a second thread only gets in the way.
            with torch_threads(1):
                batch = self.replay.sample(spec, self.rng, count)
            yield from batch.split(count)

    def _rounds_at_once(self) -> int:
        """Return the number of rounds that are looked up together; images are large."""
        spec, spaces = self.agent.batch_spec, self.replay.spaces
        size = spec.transitions * bytes_per_sample(spaces)
        size += spec.num_pixels * bytes_per_stack(spaces)
        return max(1, min(_ROUNDS_AT_ONCE, _BYTES_AT_ONCE // size))

    def _normalize(self) -> None:
        """Show the newest episodes to the input normalizers, early in a run."""
        last = min(team.minimum(self.replay.episodes_added), self.normalize_episodes)
        if last <= self.normalized:
            return
        self.agent.update_normalizers(self.replay.vectors(self.normalized, last))
        self.normalized = last


class PendingUpdates:
    """Rounds of updates that are owed.

    Args:
        agent: learns.
        batches: one for each round.
        count: rounds.
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
        """Rounds that are still to be made."""
        self._names: list[str] = []
        self._sums: Tensor | None = None

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return (self._count - self.left) * self._agent.updates_per_round

    def run(self, rounds: int) -> None:
        """Make the next rounds; on CUDA they are launched, not waited for."""
        for batch in islice(self._batches, rounds):
            metrics = self._agent.update(batch, self._run)
            self._names = list(metrics)
            # One tensor: a sum for each metric would be a kernel for each
            values = torch.stack(list(metrics.values()))
            self._sums = values if self._sums is None else self._sums + values
            self.left -= 1

    def means(self) -> dict[str, float]:
        """Return metrics averaged over the rounds made; on CUDA this waits for them."""
        if self._sums is None:
            return {}
        means = (self._sums / (self._count - self.left)).tolist()
        return dict(zip(self._names, means, strict=True))

"""Turning collected steps into updates, at the ratio that was asked for."""

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.scripted import Scripted
from puckrl.core import team
from puckrl.core.clock import Ratio
from puckrl.core.runtime import torch_threads
from puckrl.core.types import Batch
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.layout import bytes_per_sample, bytes_per_stack
from puckrl.training.rollout import Policy

_ROUNDS_AT_ONCE = 16
_BYTES_AT_ONCE = 64 << 20


class Learner:
    """Feeds an agent from a replay.

    Args:
        agent: learns.
        replay: remembers.
        ratio: updates per env step.
        rng: draws batches.
        warm_up_episodes: episodes of random play before the first update.
        normalize_episodes: the agent's input normalizers see this many first episodes.
        slow_start: the first round compiles, and is timed as such.
    """

    def __init__(
        self,
        agent: ActorCritic,
        replay: EpisodeReplayBuffer,
        ratio: Ratio,
        rng: torch.Generator,
        *,
        warm_up_episodes: int,
        normalize_episodes: int,
        slow_start: bool = False,
    ) -> None:
        self.agent, self.replay, self.ratio, self.rng = agent, replay, ratio, rng
        self.warm_up_episodes = warm_up_episodes
        self.normalize_episodes = normalize_episodes
        self._chance = Scripted(agent.random_action)
        self.normalized = 0
        """Episodes that the normalizers have seen."""
        self.ready = not slow_start
        """Whether the first round, which compiles, is over in this process."""

    @property
    def warming_up(self) -> bool:
        """Whether the replay still fills with random play."""
        return team.minimum(self.replay.added) < self.warm_up_episodes

    @property
    def policy(self) -> Policy:
        """Who collects: chance while warming up, then the agent."""
        return self._chance if self.warming_up else self.agent

    def earn(self, new_steps: int) -> None:
        """Owe the updates of ``new_steps`` env steps, from the end of the warm-up on."""
        self._normalize()
        if not self.warming_up:
            self.ratio.earn(new_steps)

    def rounds(self) -> "PendingUpdates":
        """The rounds of updates that are owed now, to be made one by one."""
        count, rest = divmod(self.ratio.due(), self.agent.updates_per_round)
        self.ratio.debt += rest
        return PendingUpdates(self.agent, self._batches(count), count)

    def _batches(self, rounds: int) -> Iterator[Batch]:
        """What so many rounds learn from; several are looked up at once."""
        agent, at_once = self.agent, self._rounds_at_once()
        for first in range(0, rounds, at_once):
            count = min(at_once, rounds - first)
            # Look-ups of a few hundred rows: a second thread only gets in the way.
            with torch_threads(1):
                batch = self.replay.sample(
                    count * agent.transitions_per_round,
                    self.rng,
                    parts=count,
                    seen=agent.seen_per_round,
                    needs_next_pixels=agent.needs_next_pixels,
                )
            yield from batch.split(count)

    def _rounds_at_once(self) -> int:
        """PendingUpdates that are looked up together; images are large."""
        agent, spaces = self.agent, self.replay.spaces
        size = agent.transitions_per_round * bytes_per_sample(spaces)
        size += agent.seen_per_round * bytes_per_stack(spaces)
        return max(1, min(_ROUNDS_AT_ONCE, _BYTES_AT_ONCE // size))

    def _normalize(self) -> None:
        """Show the newest episodes to the input normalizers, at the beginning of a run."""
        last = min(team.minimum(self.replay.added), self.normalize_episodes)
        if last <= self.normalized:
            return
        names = ("state", "achieved_goal", "desired_goal")
        first = max(self.normalized, self.replay.oldest)
        rows = self.replay.export(first, last, names)
        valid = torch.arange(rows["state"].shape[1], device=self.replay.device)
        valid = valid <= rows["length"][:, None]
        goal = rows["desired_goal"][:, None].expand_as(rows["achieved_goal"])
        self.agent.observe(
            {
                "state": rows["state"][valid],
                "achieved_goal": rows["achieved_goal"][valid],
                "desired_goal": goal[valid],
            }
        )
        self.normalized = last


class PendingUpdates:
    """PendingUpdates of updates on their way.

    Args:
        agent: learns.
        batches: one for each round.
        count: how many.
    """

    def __init__(
        self, agent: ActorCritic, batches: Iterator[Batch], count: int
    ) -> None:
        self._agent, self._batches = agent, batches
        self._count, self.left = count, count
        """PendingUpdates that are still to be made."""
        self._names: list[str] = []
        self._sums: Tensor | None = None

    @property
    def updates(self) -> int:
        """Updates that were made so far."""
        return (self._count - self.left) * self._agent.updates_per_round

    def go_on(self, rounds: int) -> None:
        """Make the next so many rounds; on CUDA they are launched, not waited for."""
        for batch in islice(self._batches, rounds):
            metrics = self._agent.update(batch)
            self._names = list(metrics)
            # One tensor: a sum for each metric would be a kernel for each
            values = torch.stack(list(metrics.values()))
            self._sums = values if self._sums is None else self._sums + values
            self.left -= 1

    def means(self) -> dict[str, float]:
        """Metrics averaged over the rounds made; on CUDA this waits for them."""
        if self._sums is None:
            return {}
        means = (self._sums / (self._count - self.left)).tolist()
        return dict(zip(self._names, means, strict=True))

"""Turning collected steps into updates, at the ratio that was asked for."""

from collections import defaultdict

import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.scripted import Scripted
from puckrl.core import team
from puckrl.core.clock import Clock, Ratio
from puckrl.core.runtime import torch_threads
from puckrl.replay.episodes import EpisodeRing
from puckrl.replay.layout import bytes_per_look, bytes_per_sample
from puckrl.train.rollout import Policy

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
        normalise_episodes: the agent's input normalisers see this many first episodes.
        slow_start: the first round compiles, and is timed as such.
    """

    def __init__(
        self,
        agent: ActorCritic,
        replay: EpisodeRing,
        ratio: Ratio,
        rng: torch.Generator,
        *,
        warm_up_episodes: int,
        normalise_episodes: int,
        slow_start: bool = False,
    ) -> None:
        self.agent, self.replay, self.ratio, self.rng = agent, replay, ratio, rng
        self.warm_up_episodes = warm_up_episodes
        self.normalise_episodes = normalise_episodes
        self._chance = Scripted(agent.random_action)
        self.normalised = 0
        """Episodes that the normalisers have seen."""
        self.ready = not slow_start
        """Whether the first round, which compiles, is over in this process."""

    @property
    def warming_up(self) -> bool:
        """Whether the replay still fills with random play."""
        return team.least(self.replay.added) < self.warm_up_episodes

    @property
    def policy(self) -> Policy:
        """Who collects: chance while warming up, then the agent."""
        return self._chance if self.warming_up else self.agent

    def learn(self, new_steps: int, clock: Clock) -> dict[str, float]:
        """The updates that ``new_steps`` env steps have earned; their mean metrics."""
        self._normalise()
        if self.warming_up:
            return {}
        due = self.ratio(new_steps)
        rounds, rest = divmod(due, self.agent.updates_per_round)
        self.ratio.debt += rest
        metrics = self._rounds(rounds, clock)
        clock.updates += rounds * self.agent.updates_per_round
        return metrics

    def _rounds(self, rounds: int, clock: Clock) -> dict[str, float]:
        """Some rounds of updates, metrics averaged over them."""
        agent, at_once = self.agent, self._rounds_at_once()
        sums: dict[str, Tensor] = defaultdict(
            lambda: torch.zeros((), device=agent.device)
        )
        for first in range(0, rounds, at_once):
            count = min(at_once, rounds - first)
            # Look-ups of a few hundred rows: a second thread only gets in the way.
            with clock.phase("update"), torch_threads(1):
                batch = self.replay.sample(
                    count * agent.transitions_per_round,
                    self.rng,
                    parts=count,
                    seen=agent.seen_per_round,
                )
            for part in batch.split(count):
                with clock.phase("update" if self.ready else "compile"):
                    metrics = agent.update(part)
                self.ready = True
                for name, value in metrics.items():
                    sums[name] = sums[name] + value
        with clock.phase("update"):  # on CUDA this is where the updates are waited for
            return {name: float(total) / rounds for name, total in sums.items()}

    def _rounds_at_once(self) -> int:
        """Rounds that are looked up together; images are large."""
        agent, spaces = self.agent, self.replay.spaces
        size = agent.transitions_per_round * bytes_per_sample(spaces)
        size += agent.seen_per_round * bytes_per_look(spaces)
        return max(1, min(_ROUNDS_AT_ONCE, _BYTES_AT_ONCE // size))

    def _normalise(self) -> None:
        """Show the newest episodes to the input normalisers, at the beginning of a run."""
        last = min(team.least(self.replay.added), self.normalise_episodes)
        if last <= self.normalised:
            return
        names = ("state", "achieved_goal", "desired_goal")
        first = max(self.normalised, self.replay.oldest)
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
        self.normalised = last

"""Turning collected steps into updates, at the ratio that was asked for."""

from collections import defaultdict

import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.core.clock import Clock, Ratio
from puckrl.replay.episodes import EpisodeRing


class Learner:
    """Feeds an agent from a replay.

    Args:
        agent: learns.
        replay: remembers.
        ratio: updates per env step.
        rng: draws batches.
        warm_up_episodes: episodes in the replay before the first update.
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
        self.normalised = 0
        """Episodes that the normalisers have seen."""
        self.ready = not slow_start
        """Whether the first round, which compiles, is over in this process."""

    def learn(self, new_steps: int, clock: Clock) -> dict[str, float]:
        """The updates that ``new_steps`` env steps have earned; their mean metrics."""
        self._normalise()
        due = self.ratio(new_steps)
        if self.replay.added < self.warm_up_episodes:
            return {}
        rounds, rest = divmod(due, self.agent.updates_per_round)
        self.ratio.debt += rest
        if rounds and not self.ready:
            with clock.phase("compile"):
                self._round(rounds=1)
            self.ready, rounds = True, rounds - 1
            clock.updates += self.agent.updates_per_round
        with clock.phase("update"):
            metrics = self._round(rounds)
        clock.updates += rounds * self.agent.updates_per_round
        return metrics

    def _round(self, rounds: int) -> dict[str, float]:
        """Some rounds of updates, metrics averaged over them."""
        sums: dict[str, torch.Tensor] = defaultdict(
            lambda: torch.zeros((), device=self.agent.device)
        )
        for _ in range(rounds):
            batch = self.replay.sample(self.agent.transitions_per_round, self.rng)
            for name, value in self.agent.update(batch).items():
                sums[name] = sums[name] + value
        return {name: float(total) / rounds for name, total in sums.items()}

    def _normalise(self) -> None:
        """Show the newest episodes to the input normalisers, at the beginning of a run."""
        last = min(self.replay.added, self.normalise_episodes)
        if last <= self.normalised:
            return
        rows = self.replay.export(max(self.normalised, self.replay.oldest), last)
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

"""Playing episodes: to learn from, and to judge."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from puckrl.core import team
from puckrl.core.maths import Interval, wilson_interval
from puckrl.core.types import Obs
from puckrl.envs.goal_env import GoalEnv
from puckrl.monitor.encoder import competence_radius
from puckrl.replay.episodes import EpisodeReplayBuffer

_POLICY_DTYPE = {torch.uint8: torch.uint8}


class Policy(Protocol):
    """Anything that acts: agents, scripted experts, random."""

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Actions for B worlds, (B, action_dim) in [-1, 1]."""
        ...


@dataclass(frozen=True)
class Collected:
    """What a stretch of collecting gave, in the worlds of all processes."""

    env_steps: int
    """Control steps, summed over worlds."""
    episodes: int
    """Episodes that ended."""
    success: float
    """Share of the newest episodes that were at their goal at the last step: as many as
    there are worlds, or more, these and ones before. A few worlds that ended by
    themselves tell nothing. NaN if no episode ended."""
    diverged: int
    """Worlds whose physics failed and were reset."""


class Beside(Protocol):
    """Work that goes on while worlds play."""

    def meanwhile(self) -> None:
        """Launch some of it: a control step is under way."""
        ...

    def standing(self) -> AbstractContextManager[None]:
        """It stands still inside: the replay changes."""
        ...


class Collector:
    """Worlds that play on and on into a replay.

    Args:
        env: resets its worlds by itself.
        replay: takes every step.
        device: where the policy lives.
    """

    def __init__(
        self, env: GoalEnv, replay: EpisodeReplayBuffer, device: torch.device
    ) -> None:
        self.env, self.replay, self.device = env, replay, device
        self.obs: Obs | None = None
        self._newest: list[tuple[int, int]] = []  # episodes and wins of each stretch

    def collect(
        self, policy: Policy, steps: int, beside: Beside | None = None
    ) -> Collected:
        """Play ``steps`` control steps in every world, exploring.

        Args:
            policy: plays.
            steps: control steps of every world.
            beside: goes on meanwhile.
        """
        if self.obs is None:
            self.obs = self.env.reset()
            self.replay.begin(self.obs)
        episodes, wins, diverged = 0, 0, 0
        for _ in range(steps):
            action = policy.act(to_device(self.obs, self.device), explore=True)
            action = action.to(self.env.sim.device)
            self.env.step_async(action)
            if beside is not None:
                beside.meanwhile()
            step = self.env.step_wait()
            ended = bool(step.done.any())
            with beside.standing() if beside and ended else nullcontext():
                self.replay.add(
                    action, step.final_obs, step.done, step.diverged, step.obs
                )
            self.obs = step.obs
            if ended:
                episodes += int(step.done.sum())
                wins += int((step.success & step.done & ~step.diverged).sum())
                diverged += int(step.diverged.sum())
        played, episodes, wins, diverged = team.totals(
            steps * self.env.num_worlds, episodes, wins, diverged
        )
        success = self._success(episodes, wins) if episodes else float("nan")
        return Collected(played, episodes, success, diverged)

    def _success(self, episodes: int, wins: int) -> float:
        """The success rate when so many have ended now; see ``Collected.success``."""
        newest, enough = self._newest, self.env.num_worlds * team.size()
        newest.append((episodes, wins))
        while sum(count for count, _ in newest[1:]) >= enough:
            newest.pop(0)
        counts, won = zip(*newest, strict=True)
        return sum(won) / sum(counts)


@dataclass(frozen=True)
class Evaluation:
    """How a policy did over deterministic episodes."""

    episodes: int
    """Episodes played."""
    success: float
    """Share at the goal at the last step."""
    interval: Interval
    """Wilson 95 % interval of ``success``."""
    mean_return: float
    """Undiscounted sum of rewards, mean over episodes."""
    time_to_success_s: float
    """Median time until the goal was first reached, over successful episodes; seconds.
    Of an even number of them, the mean of the middle two."""
    action_change: float
    """Mean absolute change of an action component from one step to the next of the same
    episode, over all such steps, in [0, 2]; NaN without any."""
    success_near: float
    """Success over the half of the goals that began nearer."""
    success_far: float
    """Success over the other half."""
    competence_radius_m: float
    """Greatest distance up to which at least half of the goals are reached; meters."""


@torch.no_grad()
def evaluate(
    env: GoalEnv, policy: Policy, episodes: int, device: torch.device
) -> Evaluation:
    """Play whole episodes with the deterministic policy.

    Worlds play together, so ``episodes`` is rounded up to a multiple of their
    number; an episode that ends early keeps the verdict of its last step, and one
    whose physics failed is lost. How near a goal began is the task's ``distance``.

    Args:
        env: must not reset by itself (``auto_reset=False``).
        policy: judged without exploration.
        episodes: least number of episodes.
        device: where the policy lives.
    """
    parts = [_play(env, policy, device) for _ in range(-(-episodes // env.num_worlds))]
    wins, returns, first, change, changes, distance = (
        torch.cat(column) for column in zip(*parts, strict=True)
    )
    reached = first[wins]
    median_s = float(reached.quantile(0.5)) if len(reached) else float("nan")
    nearer = wins.double()[distance.argsort(stable=True)]
    half = len(nearer) // 2
    return Evaluation(
        episodes=len(wins),
        success=float(wins.double().mean()),
        interval=wilson_interval(int(wins.sum()), len(wins)),
        mean_return=float(returns.mean()),
        time_to_success_s=median_s,
        action_change=float(change.sum() / changes.sum()),
        success_near=float(nearer[:half].mean()),
        success_far=float(nearer[half:].mean()),
        competence_radius_m=competence_radius(
            distance.double().cpu().numpy(), wins.double().cpu().numpy()
        ),
    )


def _play(env: GoalEnv, policy: Policy, device: torch.device) -> tuple[Tensor, ...]:
    """One episode in every world, (num_worlds,) each.

    Returns:
        Success, return, first time at the goal, sum of the action's changes, their
        number, distance of the goal.
    """
    obs = env.reset()
    distance = env.task.distance(obs["achieved_goal"], obs["desired_goal"])
    alive = torch.ones(env.num_worlds, dtype=torch.bool, device=env.sim.device)
    won, change = torch.zeros_like(alive), alive.double() * 0
    total, changes = change.clone(), change.clone()
    first = torch.full_like(change, torch.inf)
    previous: Tensor | None = None
    for index in range(env.spaces.horizon):
        action = policy.act(to_device(obs, device), explore=False).to(env.sim.device)
        step = env.step(action)
        obs = step.obs
        total += torch.where(alive, step.reward, 0.0)
        won = torch.where(alive, step.success & ~step.diverged, won)
        now_s = (index + 1) * env.control_dt_s
        first = torch.where(alive & step.success & first.isinf(), now_s, first)
        if previous is not None:
            changed = (action - previous).abs().mean(dim=1).double()
            change += torch.where(alive, changed, 0.0)
            changes += alive
        previous = action
        alive &= ~step.done
    return won, total, first, change, changes, distance


def to_device(obs: Obs, device: torch.device) -> Obs:
    """Observations on ``device``: pictures as they are, everything else as float32.

    The newest frame alone stays behind: it is for the replay.
    """
    return {
        name: value.to(device, _POLICY_DTYPE.get(value.dtype, torch.float32))
        for name, value in obs.items()
        if name != "frame"
    }

"""Play whole episodes of a task, to measure it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from puckrl.agents.scripted import Random
from puckrl.core.policy import Policy
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.play import begin, play


@dataclass(frozen=True)
class Episodes:
    """One episode in every world."""

    max_displacement_m: Tensor
    """Maximum distance of the achieved goal from its start, (num_worlds,)."""
    success: Tensor
    """Whether the goal is reached at the last step, (num_worlds,) bool."""
    diverged: int
    """Number of worlds whose physics diverged."""
    goal: Tensor
    """Desired goals, (num_worlds, goal_dim)."""
    trail: Tensor
    """Achieved goals from the reset on, (steps + 1, num_worlds, goal_dim)."""


def play_episodes(env: GoalEnv, policy: Policy, steps: int) -> Episodes:
    """Play ``steps`` control steps after a reset; each world counts up to its end."""
    obs = begin(env, policy)
    start, goal = obs["achieved_goal"], obs["desired_goal"]
    alive = torch.ones(env.num_worlds, dtype=torch.bool)
    won, broken, farthest = alive & False, alive & False, alive.double() * 0.0
    trail = [start]
    for _, step in play(env, policy, steps, explore=False, obs=obs):
        achieved, goal = step.obs["achieved_goal"], step.obs["desired_goal"]
        farthest = torch.where(
            alive, farthest.maximum(env.distance(achieved, start)), farthest
        )
        won = torch.where(alive, step.success, won)
        broken |= step.diverged
        alive &= ~step.done
        trail.append(achieved)
    return Episodes(farthest, won, int(broken.sum()), goal, torch.stack(trail))


def play_at_random(env: GoalEnv, episodes: int) -> list[Episodes]:
    """Play at least ``episodes`` whole episodes with random actions."""
    policy = Random(env.spaces.action_dim, env.seed)
    rounds = -(-episodes // env.num_worlds)
    return [play_episodes(env, policy, env.spaces.horizon) for _ in range(rounds)]

"""Goals as places in the replay buffer: hindsight relabeling changes indices only.

A goal is either the episode's own desired goal, or the goal achieved at some index of
that episode. ``goal_vectors`` looks it up as a vector; image goals could be looked up
among the frames in the same way.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from puckrl.core.types import Obs
from puckrl.replay import her


@dataclass(frozen=True)
class GoalPlaces:
    """Places of the goals of B transitions."""

    episode: Tensor
    """Slots of the episodes, (B,) int64."""
    index: Tensor
    """Index at which a hindsight goal was achieved, (B,) int64."""
    hindsight: Tensor
    """Whether the hindsight goal replaces the episode's own, (B,) bool."""


def draw_places(
    strategy: her.Strategy,
    ratio: float,
    episode: Tensor,
    step: Tensor,
    length: Tensor,
    rng: torch.Generator,
) -> GoalPlaces:
    """Draw a goal for each transition.

    Args:
        strategy: where in an episode hindsight goals come from.
        ratio: share of hindsight goals.
        episode: slots of the episodes, (B,) int64.
        step: sampled steps, (B,) int64.
        length: steps of the episodes, (B,) int64.
        rng: random number generator.
    """
    unit = torch.rand(2, len(step), generator=rng, device=step.device)
    index = her.goal_index(strategy, step, length, unit[0])
    return GoalPlaces(episode, index, unit[1] < ratio)


def goal_vectors(rows: dict[str, Tensor], places: GoalPlaces) -> Obs:
    """Look goals up as vectors.

    Args:
        rows: stored episodes: achieved_goal (capacity, T + 1, goal_dim), desired_goal
            (capacity, goal_dim).
        places: places of B goals.

    Returns:
        ``desired_goal``, (B, goal_dim).
    """
    achieved = rows["achieved_goal"][places.episode, places.index]
    own = rows["desired_goal"][places.episode]
    return {"desired_goal": her.substitute(places.hindsight, achieved, own)}

"""Goals as places in the replay buffer: hindsight relabeling changes indices only.

A goal is either the episode's own desired goal, or the goal achieved at some index of
that episode or of another. ``goal_vectors`` looks it up as a vector; ``frames.py`` looks
it up as an image: the frame of that index, or the picture of the episode's own goal.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from puckrl.core.types import Obs
from puckrl.replay import her
from puckrl.replay.sampling import StepTable
from puckrl.replay.settings import GoalImagesCfg, ReplayCfg


@dataclass(frozen=True)
class GoalPlaces:
    """Places of the goals of B transitions."""

    episode: Tensor
    """Slots of the episodes, (B,) int64."""
    index: Tensor
    """Index at which a hindsight goal was achieved, (B,) int64."""
    hindsight: Tensor
    """Whether the hindsight goal replaces the episode's own, (B,) bool."""

    @classmethod
    def own(cls, episode: Tensor) -> "GoalPlaces":
        """Return the places of the episodes' own goals, (B,)."""
        return cls(
            episode,
            torch.zeros_like(episode),
            torch.zeros_like(episode, dtype=torch.bool),
        )

    def at(self, rows: Tensor) -> "GoalPlaces":
        """Return the places of some transitions, indices (n,) int64."""
        return GoalPlaces(self.episode[rows], self.index[rows], self.hindsight[rows])

    def replaced(self, rows: Tensor, places: "GoalPlaces") -> "GoalPlaces":
        """Return these places with those of some transitions replaced."""
        return GoalPlaces(
            self.episode.index_copy(0, rows, places.episode),
            self.index.index_copy(0, rows, places.index),
            self.hindsight.index_copy(0, rows, places.hindsight),
        )


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


def mix_places(
    cfg: GoalImagesCfg,
    strategy: her.Strategy,
    places: GoalPlaces,
    step: Tensor,
    table: StepTable,
    rng: torch.Generator,
) -> GoalPlaces:
    """Draw the goals of transitions that come with a goal image: three kinds of them.

    Frames of the own episode alone teach too little: nearly all of them show the hand at
    the object, and no acting goal does. Frames of other episodes show the object anywhere.

    Args:
        cfg: shares of the kinds.
        strategy: where in the own episode hindsight goals come from.
        places: of B transitions, whose goals are drawn again.
        step: their steps, (B,) int64.
        table: steps of all stored episodes.
        rng: random number generator.
    """
    unit = torch.rand(2, len(step), generator=rng, device=step.device)
    episode, before, _ = table.draw(len(step), rng)
    length = table.eligible[places.episode]
    own = unit[1] < cfg.future
    other = ~own & (unit[1] < cfg.future + cfg.other)
    index = her.goal_index(strategy, step, length, unit[0])
    return GoalPlaces(
        torch.where(other, episode, places.episode),
        torch.where(other, before + 1, index),
        own | other,
    )


def relabel(
    cfg: ReplayCfg,
    table: StepTable,
    episode: Tensor,
    step: Tensor,
    shown: Tensor | None,
    rng: torch.Generator,
) -> GoalPlaces:
    """Draw the goals of a batch.

    Args:
        cfg: shares of the kinds of goals.
        table: steps of all stored episodes.
        episode: slots of the episodes, (B,) int64.
        step: sampled steps, (B,) int64.
        shown: transitions that come with a goal image, indices (n,) int64; None: goals
            are vectors only.
        rng: random number generator.
    """
    strategy = cfg.her_strategy
    length = table.eligible[episode]
    places = draw_places(strategy, cfg.her_ratio, episode, step, length, rng)
    if shown is None:
        return places
    mixed = mix_places(
        cfg.goal_images, strategy, places.at(shown), step[shown], table, rng
    )
    return places.replaced(shown, mixed)


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

"""Which steps of the stored episodes a batch looks at.

A strategy gives every episode a number of eligible steps, counted from its
start; steps are then drawn uniformly among all eligible ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from puckrl.core.settings import NON_NEGATIVE, SHARE

GoalFn = Callable[[Tensor, Tensor], Tensor]
"""A pure function of achieved and desired goals, (..., goal_dim) x 2 -> (...)."""


@dataclass(frozen=True)
class SamplingCfg:
    """Choice of the transitions in a batch."""

    moving_share: Annotated[float, SHARE] = 0.0
    """Share of a batch from steps after which the achieved goal still moves."""
    moved_m: Annotated[float, NON_NEGATIVE] = 0.02
    """The achieved goal still moves while it is further than this from where it ends, in
    meters or the task's unit."""


def straight(achieved: Tensor, desired: Tensor) -> Tensor:
    """Straight-line distance of goals, (..., goal_dim) x 2 -> (...)."""
    return (achieved - desired).square().sum(dim=-1).sqrt()


def still_moving(
    achieved: Tensor, length: Tensor, moved_m: float, distance_fn: GoalFn = straight
) -> Tensor:
    """How many leading steps of each episode the achieved goal has yet to move after.

    Args:
        achieved: achieved goals, (n, T + 1, goal_dim); rows beyond ``length`` are ignored.
        length: steps of each episode, (n,) int64.
        moved_m: distance from the final achieved goal that counts as moved.
        distance_fn: the task's distance of (achieved, desired) goals.

    Returns:
        (n,) int64 in [0, length]: 0 where the achieved goal never moved.
    """
    rows = torch.arange(len(achieved), device=achieved.device)
    final = achieved[rows, length][:, None]
    away = distance_fn(achieved, final.expand_as(achieved)) > moved_m
    index = torch.arange(achieved.shape[1], device=achieved.device)
    away &= index < length[:, None]
    return ((index + 1) * away).amax(dim=1)


class StepTable:
    """Draws (episode, step) uniformly among the eligible steps of a ring of episodes."""

    def __init__(self, capacity: int, device: torch.device) -> None:
        self.eligible = torch.zeros(capacity, dtype=torch.int64, device=device)
        """Eligible steps of each stored episode, (capacity,)."""
        self._upto = self.eligible.clone()
        self.total = 0
        """All eligible steps."""

    def set(self, slots: Tensor, eligible: Tensor) -> None:
        """Record the eligible steps of the episodes written into ``slots``."""
        self.eligible[slots] = eligible
        torch.cumsum(self.eligible, dim=0, out=self._upto)
        self.total = int(self._upto[-1])

    def clear(self) -> None:
        """No step is eligible any more."""
        self.eligible.zero_()
        self._upto.zero_()
        self.total = 0

    def draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Episodes and steps, (count,) int64 each."""
        place = torch.randint(
            self.total, (count,), generator=rng, device=self.eligible.device
        )
        episode = torch.searchsorted(self._upto, place, right=True)
        before = self._upto[episode] - self.eligible[episode]
        return episode, place - before

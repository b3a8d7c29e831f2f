"""Which steps of the stored episodes are sampled.

Every episode has a number of eligible steps, counted from its start. Steps are drawn
uniformly among all eligible ones.
"""

from collections.abc import Callable

import torch
from torch import Tensor

GoalFn = Callable[[Tensor, Tensor], Tensor]
"""A pure function of achieved and desired goals, (..., goal_dim) x 2 -> (...)."""


def euclidean(achieved: Tensor, desired: Tensor) -> Tensor:
    """Return the Euclidean distance of goals, (..., goal_dim) x 2 -> (...)."""
    return (achieved - desired).square().sum(dim=-1).sqrt()


def still_moving(
    achieved: Tensor, length: Tensor, moved_m: float, distance_fn: GoalFn = euclidean
) -> Tensor:
    """Return the number of leading steps of each episode after which its goal moves.

    Args:
        achieved: achieved goals, (n, T + 1, goal_dim); rows beyond ``length`` are ignored.
        length: steps of each episode, (n,) int64.
        moved_m: minimum distance from the final achieved goal that counts as moving.
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
    """Draws (episode, step) uniformly among the eligible steps of stored episodes."""

    def __init__(self, capacity: int, device: torch.device) -> None:
        self.eligible = torch.zeros(capacity, dtype=torch.int64, device=device)
        """Eligible steps of each stored episode, (capacity,)."""
        self._cumulative = self.eligible.clone()
        self.total = 0
        """All eligible steps."""

    def set(self, slots: Tensor, eligible: Tensor) -> None:
        """Record the eligible steps of the episodes written into ``slots``."""
        self.eligible[slots] = eligible
        torch.cumsum(self.eligible, dim=0, out=self._cumulative)
        self.total = int(self._cumulative[-1])

    def clear(self) -> None:
        """Make no step eligible."""
        self.eligible.zero_()
        self._cumulative.zero_()
        self.total = 0

    def draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw slots, steps, and the slots' eligible steps, (count,) int64 each."""
        place = torch.randint(
            self.total, (count,), generator=rng, device=self.eligible.device
        )
        episode = torch.searchsorted(self._cumulative, place, right=True)
        eligible = self.eligible[episode]
        return episode, place - (self._cumulative[episode] - eligible), eligible

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


def last_of_each(
    size: int, parts: int, count: int | None, device: torch.device
) -> Tensor:
    """Return the indices of the last ``count`` elements of each of ``parts`` equal parts.

    None: all of them. The parts have ``size`` elements together.
    """
    index = torch.arange(size, device=device).view(parts, -1)
    first = 0 if count is None else index.shape[1] - count
    return index[:, first:].flatten()


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


def draw_shares(
    uniform: StepTable,
    moving: StepTable,
    count: int,
    moving_share: float,
    rng: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw episode slots and steps from two tables, and the steps eligible in each episode.

    The rows are shuffled: a batch is split into one part per update, and each part must
    have the same shares in expectation.

    Args:
        uniform: steps of all episodes.
        moving: steps of episodes that move the achieved goal; may be empty.
        count: number of draws.
        moving_share: share of draws from ``moving``.
        rng: random number generator.
    """
    from_moving = round(count * moving_share) if moving.total else 0
    if not from_moving:
        return uniform.draw(count, rng)
    parts = [moving.draw(from_moving, rng), uniform.draw(count - from_moving, rng)]
    order = torch.randperm(count, generator=rng, device=parts[0][0].device)
    episode, step, eligible = (
        torch.cat(column)[order] for column in zip(*parts, strict=True)
    )
    return episode, step, eligible


def later(step: Tensor, left: Tensor, rng: torch.Generator) -> Tensor:
    """Draw a later step of each episode, step + 1 ... step + left, (n,) int64.

    Args:
        step: (n,) int64.
        left: steps that follow it, at least 1, (n,) int64.
        rng: random number generator.
    """
    unit = torch.rand(len(step), generator=rng, device=rng.device)
    return step + 1 + (unit * left).long()

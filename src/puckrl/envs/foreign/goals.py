"""Rewards and ends of a goal environment for other goals, as hindsight needs them.

An environment says how its reward follows from goals (``compute_reward``), and seldom how
its episodes end. So both are compared with live steps before anything is relabeled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from puckrl.core.errors import UserError, said
from puckrl.envs.foreign.settings import EndsAt

RewardFn = Callable[[NDArray[Any], NDArray[Any], Any], Any]
"""``compute_reward`` of a goal environment, for (B, goal_dim) x 2 and infos."""
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class GoalRules:
    """Reward and end of an episode as functions of goals."""

    compute_reward: RewardFn
    """Of the environment."""
    ends_at_goal: bool = False
    """Whether an episode ends at its goal; else only time ends it."""
    bounds: tuple[float, float] | None = None
    """Minimum and maximum reward; None: unbounded."""

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the reward of goals (..., goal_dim), (...)."""
        shape, size = achieved.shape[:-1], achieved.shape[-1]
        pair = (
            goal.expand(*shape, size).reshape(-1, size) for goal in (achieved, desired)
        )
        at, wanted = (goal.detach().cpu().numpy() for goal in pair)
        found = np.asarray(self.compute_reward(at, wanted, [{}] * len(at)))
        dtype = achieved.dtype
        return torch.as_tensor(found, dtype=dtype).reshape(shape).to(achieved.device)

    def at_goal(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return whether the reward is as good as that of the goal itself, (...) bool."""
        return self.reward(achieved, desired) >= self.reward(desired, desired)

    def terminated(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return whether an episode truly ends at goals (..., goal_dim), (...) bool."""
        if self.ends_at_goal:
            return self.at_goal(achieved, desired)
        return torch.zeros(
            achieved.shape[:-1], dtype=torch.bool, device=achieved.device
        )


@dataclass(frozen=True)
class LiveSteps:
    """Steps that an environment made, to compare with its rules."""

    achieved: Tensor
    """Achieved goals after each step, (N, goal_dim)."""
    desired: Tensor
    """Desired goals, (N, goal_dim)."""
    reward: Tensor
    """Rewards, (N,)."""
    terminated: Tensor
    """Episodes that truly ended, (N,) bool."""


def verified(
    rules: GoalRules, live: LiveSteps, ends_at: EndsAt, name: str
) -> GoalRules:
    """Return rules that give the rewards and ends of live steps.

    Args:
        rules: as the environment states them.
        live: its steps.
        ends_at: where episodes end, if the user says so; auto: as the steps show.
        name: of the environment.

    Raises:
        UserError: if no rule does: hindsight would invent rewards or ends.
    """
    keep = "train without hindsight: --replay.her-ratio 0"
    try:
        again = rules.reward(live.achieved, live.desired).to(live.reward)
    except Exception as error:
        raise UserError(
            f"{name}: compute_reward raised {type(error).__name__}: {said(error)} for a batch "
            f"of goals; correct it, or {keep}"
        ) from error
    wrong = ~torch.isclose(again, live.reward, rtol=_TOLERANCE, atol=_TOLERANCE)
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0, 0])
        raise UserError(
            f"{name}: compute_reward gives {float(again[first]):g} where the step gave "
            f"{float(live.reward[first]):g} ({int(wrong.sum())} of {len(wrong)} steps), so "
            f"hindsight would invent rewards; correct it, or {keep}"
        )
    at_goal = rules.at_goal(live.achieved, live.desired)
    bounds = _bounds(rules, live)
    candidates = {"never": False, "goal": True}
    if ends_at != "auto":
        candidates = {ends_at: candidates[ends_at]}
    for ends in candidates.values():
        if bool((live.terminated == (at_goal & ends)).all()):
            if ends_at == "auto" and not bool(at_goal.any()):
                raise UserError(
                    f"{name}: none of {len(live.reward):,} random steps was at its goal, so "
                    "nothing shows whether episodes end there; say so: --foreign.ends-at "
                    f"never or goal; or {keep}"
                )
            return GoalRules(rules.compute_reward, ends, bounds)
    raise UserError(
        f"{name}: {int(live.terminated.sum())} of {len(live.reward):,} random steps ended an "
        f"episode, {int(at_goal.sum())} were at their goal, and neither follows from the "
        f"other, so hindsight would invent ends; {keep}"
    )


def _bounds(rules: GoalRules, live: LiveSteps) -> tuple[float, float] | None:
    """Return (-1, 0) if every reward, of any pair of live goals, is one of the two."""
    other = rules.reward(live.achieved, live.desired.roll(1, 0))
    values = torch.cat([live.reward.to(other), other]).unique()
    sparse = bool(torch.isin(values, torch.tensor([-1.0, 0.0]).to(values)).all())
    return (-1.0, 0.0) if sparse else None

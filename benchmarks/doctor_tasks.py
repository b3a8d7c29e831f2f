"""Tasks that are broken on purpose, for the doctor's corpus."""

import torch
from torch import Tensor

from puckrl.tasks.fetch.push import FetchPush
from puckrl.tasks.fetch.reach import FetchReach


class RewardUpsideDown(FetchReach):
    """The reward has the wrong sign: +1 away from the goal, 0 at it."""

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Minus the right reward."""
        return -super().reward(achieved, desired)


class HandThatOnlyRises(FetchPush):
    """The scene is broken: no action leads to the object."""

    def apply(self, action: Tensor) -> None:
        """Up, whatever was asked for."""
        up = torch.zeros_like(action)
        up[:, 2] = 1.0
        super().apply(up)


class GoalsOutOfReach(FetchReach):
    """Every goal is judged a meter away from where it is shown: nothing is ever rewarded."""

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Of another goal."""
        return super().reward(achieved, desired + 1.0)

    def success(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """At another goal."""
        return super().success(achieved, desired + 1.0)


class GoalsThatAskForNothing(FetchReach):
    """Every goal is reached before the first step."""

    goal_tol_m = 1.0

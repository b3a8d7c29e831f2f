"""Define tasks that are broken on purpose, for the doctor's corpus."""

import torch
from torch import Tensor

from puckrl.tasks.fetch.push import FetchPush
from puckrl.tasks.fetch.reach import FetchReach


class RewardUpsideDown(FetchReach):
    """Give the reward the wrong sign: +1 away from the goal, 0 at it."""

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return minus the right reward."""
        return -super().reward(achieved, desired)


class HandThatOnlyRises(FetchPush):
    """Break the scene: no action leads to the object."""

    def apply(self, action: Tensor) -> None:
        """Move up, whatever the action."""
        up = torch.zeros_like(action)
        up[:, 2] = 1.0
        super().apply(up)


class GoalsOutOfReach(FetchReach):
    """Evaluate every goal a meter away from its observation, so no reward is ever given."""

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the reward for another goal."""
        return super().reward(achieved, desired + 1.0)

    def success(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the success at another goal."""
        return super().success(achieved, desired + 1.0)


class GoalsThatAskForNothing(FetchReach):
    """Reach every goal before the first step."""

    goal_tol_m = 1.0

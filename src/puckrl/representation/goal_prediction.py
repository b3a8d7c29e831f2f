"""Goal prediction: an auxiliary loss that makes features predict the achieved goal."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from puckrl.core.types import Obs
from puckrl.nets.inputs import Normalizer

_QUADRATIC = 0.1  # in standard deviations of the achieved goal


class GoalPrediction(nn.Module):
    """A linear layer that predicts the normalized achieved goal from features.

    Args:
        features: length of the features.
        goal_dim: length of the achieved goal.
    """

    def __init__(self, features: int, goal_dim: int) -> None:
        super().__init__()
        self.condition_size = 2 * goal_dim
        self.head = nn.Linear(features, goal_dim)
        self.goals = Normalizer(goal_dim)
        """Normalizes achieved goals."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the predicted, normalized achieved goal, (B, goal_dim)."""
        return self.head(features)

    def loss(self, prediction: Tensor, obs: Obs) -> Tensor:
        """Return the Huber loss, in standard deviations of the achieved goal, ().

        It is quadratic within a tenth of a standard deviation and linear beyond. Where
        the object is invisible, under the hand or off the table, every prediction is
        wrong, and the squares of those errors would dominate.
        Source: Huber (1964), "Robust estimation of a location parameter".
        """
        target = self.goals.normalize(obs["achieved_goal"].float())
        return F.huber_loss(prediction, target, delta=_QUADRATIC) / _QUADRATIC

    def condition(self, prediction: Tensor, obs: Obs) -> Tensor:
        """Return the prediction and its offset to the desired goal, (B, 2 goal_dim).

        Both are normalized. No gradient flows back into the prediction.
        """
        prediction = prediction.detach()
        desired = self.goals.normalize(obs["desired_goal"].float())
        return torch.cat([prediction, desired - prediction], dim=-1)

    def goal(self, prediction: Tensor) -> Tensor:
        """Return the predicted achieved goal, (B, goal_dim), in the task's units."""
        return self.goals.denormalize(prediction)

    def update_normalizer(self, obs: Obs) -> None:
        """Add achieved goals (..., goal_dim) to their running mean and standard deviation."""
        self.goals.update(obs["achieved_goal"])

    def health(
        self, prediction: Tensor, obs: Obs, distance: Callable[..., Tensor]
    ) -> dict[str, float]:
        """Return the median distance of predicted and true achieved goals, meters."""
        predicted = self.goals.denormalize(prediction)
        error_m = distance(predicted, obs["achieved_goal"].float())
        return {"probe/goal_prediction_error_m": float(error_m.median())}

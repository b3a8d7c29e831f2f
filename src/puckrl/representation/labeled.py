"""Goal prediction as an objective on frames: it needs labels, so it is not self-supervised."""

from torch import Tensor, nn

from puckrl.representation.frames import (
    GOAL,
    Encode,
    Frames,
    FrameSizes,
    Metrics,
    wanted,
)
from puckrl.representation.goal_prediction import GoalPrediction


class LabeledGoal(nn.Module):
    """``GoalPrediction`` of frames, for training an encoder before a policy.

    The simulator's positions are its labels: a robot with a camera has none.
    """

    needs = (GOAL,)
    draws = 0

    def __init__(self, sizes: FrameSizes) -> None:
        super().__init__()
        self.prediction = GoalPrediction(sizes.features, sizes.goal_dim)

    def fit(self, achieved_goal: Tensor) -> None:
        """Normalize labels by the mean and standard deviation of goals (..., goal_dim)."""
        self.prediction.update_normalizer({GOAL: achieved_goal})

    def forward(
        self, encode: Encode, features: Tensor, frames: Frames
    ) -> tuple[Tensor, Metrics]:
        """Return the loss."""
        labels = {GOAL: wanted(frames.achieved_goal)}
        loss = self.prediction.loss(self.prediction(features), labels)
        return loss, {"train/aux_error": loss}

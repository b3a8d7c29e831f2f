"""An objective that was written before goals could be images."""

from torch import Tensor, nn

from puckrl.representation.goal_prediction import GoalPrediction


class NoGoal(nn.Module):
    """Goal prediction that does not tell which goal it predicts."""

    def __init__(self, features: int, goal_dim: int) -> None:
        super().__init__()
        self.inner = GoalPrediction(features, goal_dim)
        self.condition_size = self.inner.condition_size
        for name in ("loss", "condition", "update_normalizer", "health"):
            setattr(self, name, getattr(self.inner, name))

    def forward(self, features: Tensor) -> Tensor:
        """Return the prediction."""
        return self.inner(features)

"""Map pixels to features, and predict the achieved goal from the features."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from puckrl.nets.encoders import Encoder
from puckrl.nets.inputs import Normalizer

_NEAR = 0.1  # in standard deviations of the achieved goal


class Vision(nn.Module):
    """An encoder with a linear layer that predicts the achieved goal from its features.

    The goal prediction is an auxiliary task for the encoder, and may be an input of actor
    and critics.

    Args:
        encoder: (B, channels, height, width) uint8 to (B, size) float32.
        goal_dim: length of the achieved goal.
    """

    def __init__(self, encoder: Encoder, goal_dim: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.size = encoder.size
        """Number of features."""
        self.guess = nn.Linear(encoder.size, goal_dim)
        self.goals = Normalizer(goal_dim)
        """Converts achieved goals to the units of the prediction."""

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, (B, size), and the predicted normalized goal, (B, goal_dim)."""
        features = self.encoder(pixels)
        return features, self.guess(features)

    def told(self, guess: Tensor, desired: Tensor) -> Tensor:
        """Return a prediction and the offset to a desired goal, (B, 2 goal_dim).

        Both are in standard deviations of the achieved goal, and pass no gradient.
        """
        guess = guess.detach()
        return torch.cat([guess, self.goals.normalize(desired.float()) - guess], dim=-1)

    def place(self, guess: Tensor) -> Tensor:
        """Return a predicted achieved goal in its own units, (B, goal_dim)."""
        return self.goals.restore(guess)

    def error(self, guess: Tensor, achieved: Tensor) -> Tensor:
        """Return the Huber loss of a prediction, a scalar.

        It is quadratic up to a tenth of a standard deviation of the achieved goal, and
        linear beyond. Where the object is out of view, under the hand or off the table,
        no prediction is good, and the squares of those errors would outweigh all others.
        Source: Huber (1964), "Robust estimation of a location parameter".
        """
        wanted = self.goals.normalize(achieved.float())
        return F.huber_loss(guess, wanted, delta=_NEAR) / _NEAR

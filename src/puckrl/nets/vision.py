"""Pixels to features, and what they must give away: where the object is."""

from torch import Tensor, nn

from puckrl.nets.encoders import Encoder
from puckrl.nets.inputs import Normaliser


class Vision(nn.Module):
    """An encoder with a linear layer that guesses the achieved goal from its features.

    The guess is an auxiliary task for the encoder; nobody acts on it.

    Args:
        encoder: (B, channels, height, width) uint8 to (B, size) float32.
        goal_dim: length of the achieved goal.
    """

    def __init__(self, encoder: Encoder, goal_dim: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.size = encoder.size
        """Features out."""
        self.guess = nn.Linear(encoder.size, goal_dim)
        self.goals = Normaliser(goal_dim)
        """Puts achieved goals into the units of the guess."""

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, size) and the guessed, normalised achieved goal (B, goal_dim)."""
        features = self.encoder(pixels)
        return features, self.guess(features)

    def place(self, guess: Tensor) -> Tensor:
        """The achieved goal that a guess stands for, (B, goal_dim)."""
        return self.goals.restore(guess)

    def error(self, guess: Tensor, achieved: Tensor) -> Tensor:
        """Mean squared error of the guess, in variances of the achieved goal, ()."""
        return (guess - self.goals.normalise(achieved.float())).square().mean()

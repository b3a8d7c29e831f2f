"""Pixels to features, and what they must give away: where the object is."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from puckrl.nets.encoders import Encoder
from puckrl.nets.inputs import Normalizer

_NEAR = 0.1  # in deviations of the achieved goal


class Vision(nn.Module):
    """An encoder with a linear layer that guesses the achieved goal from its features.

    The guess is an auxiliary task for the encoder; whoever sees may be told it.

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
        self.goals = Normalizer(goal_dim)
        """Puts achieved goals into the units of the guess."""

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, size) and the guessed, normalized achieved goal (B, goal_dim)."""
        features = self.encoder(pixels)
        return features, self.guess(features)

    def told(self, guess: Tensor, desired: Tensor) -> Tensor:
        """A guess, and the way from it to a desired goal, (B, 2 goal_dim).

        Both in deviations of the achieved goal; nothing flows back into the guess.
        """
        guess = guess.detach()
        return torch.cat([guess, self.goals.normalize(desired.float()) - guess], dim=-1)

    def place(self, guess: Tensor) -> Tensor:
        """The achieved goal that a guess stands for, (B, goal_dim)."""
        return self.goals.restore(guess)

    def error(self, guess: Tensor, achieved: Tensor) -> Tensor:
        """Huber loss of the guess, in deviations of the achieved goal, ().

        Quadratic within a tenth of a deviation, linear beyond: where nothing shows the
        object, under the hand or off the table, no guess is good, and squares of those
        errors would outweigh all others.
        Source: Huber (1964), "Robust estimation of a location parameter".
        """
        wanted = self.goals.normalize(achieved.float())
        return F.huber_loss(guess, wanted, delta=_NEAR) / _NEAR

"""An encoder of pixels, with its auxiliary objective.

One encoder encodes pixels and images of goals: a goal image is a stack of frames in which
nothing moves, so equal scenes have equal features.
"""

import torch
from torch import Tensor, nn

from puckrl.nets.own import PixelEncoder
from puckrl.representation.objective import Objective


class Vision(nn.Module):
    """An encoder and an objective on its features.

    Args:
        encoder: (B, channels, height, width) uint8 to (B, size) float32.
        objective: predicts from the features; see ``Objective``.
    """

    def __init__(self, encoder: PixelEncoder, objective: Objective) -> None:
        super().__init__()
        self.encoder = encoder
        self.size = encoder.size
        """Length of the features."""
        self.objective = objective

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, size) and the objective's prediction, (B, ...)."""
        features = self.encoder(pixels)
        return features, self.objective(features)


def still(goal_image: Tensor, pixels: Tensor) -> Tensor:
    """Return goal images as stacks of frames in which nothing moves.

    Args:
        goal_image: single frames, (B, channels, height, width) uint8.
        pixels: stacks, (B, stack * channels, height, width) uint8.

    Returns:
        (B, stack * channels, height, width) uint8.
    """
    return goal_image.repeat(1, pixels.shape[1] // goal_image.shape[1], 1, 1)


def with_goal(goal_image: Tensor, pixels: Tensor) -> Tensor:
    """Return pixels and goal images as one batch, (2 B, ...): pixels first."""
    return torch.cat([pixels, still(goal_image, pixels)])

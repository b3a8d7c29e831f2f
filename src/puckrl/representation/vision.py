"""An encoder of pixels, with its auxiliary objective."""

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

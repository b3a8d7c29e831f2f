"""Map the last feature map of an encoder to a vector."""

from typing import Literal, assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Head(nn.Module):
    """A module from (B, C, H, W) float32 to (B, size)."""

    size: int


class Flatten(Head):
    """The feature map as it is, flattened."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.size = channels * height * width

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C H W)."""
        return x.flatten(1)


class FlattenNorm(Head):
    """Linear map, LayerNorm, tanh: a bounded summary of the whole map.

    Source: Yarats et al. (2021), "Mastering visual continuous control", appendix.
    """

    def __init__(self, channels: int, height: int, width: int, features: int) -> None:
        super().__init__()
        self.size = features
        self.linear = nn.Linear(channels * height * width, features)
        self.norm = nn.LayerNorm(features)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, features) in (-1, 1)."""
        return torch.tanh(self.norm(self.linear(x.flatten(1))))


class SpatialSoftmax(Head):
    """Keypoints: the mean position of each channel under a softmax over its cells.

    A channel becomes two numbers, x and y in [-1, 1]: -1 is the center of the first cell,
    1 that of the last. All channels share one learned temperature.

    Source: Levine et al. (2016), "End-to-end training of deep visuomotor policies",
    section 5.1.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.size = 2 * channels
        # its log is learned, so that it stays positive
        self.log_temperature = nn.Parameter(torch.zeros(()))
        y, x = torch.meshgrid(
            torch.linspace(-1.0, 1.0, height),
            torch.linspace(-1.0, 1.0, width),
            indexing="ij",
        )
        self.places: Tensor
        self.register_buffer("places", torch.stack([x, y], dim=-1).reshape(-1, 2))

    def weights(self, x: Tensor) -> Tensor:
        """Return the softmax over cells, (B, C, H W), which sums to 1."""
        return F.softmax(x.flatten(2) * torch.exp(-self.log_temperature), dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 2 C): x and y of the first channel, then of the second ..."""
        # softmax(x) @ places as three sums over cells, channels innermost: a compiler
        # vectorizes this, in the memory order of the convolutions. The obvious form takes
        # seven times as long, more than a convolutional layer.
        maximum = x.amax((2, 3), keepdim=True).detach()
        cells = (x - maximum).permute(0, 2, 3, 1).flatten(1, 2)
        weights = torch.exp(cells * torch.exp(-self.log_temperature))
        place = [(weights * self.places[:, None, axis]).sum(1) for axis in (0, 1)]
        return (torch.stack(place, dim=-1) / weights.sum(1)[..., None]).flatten(1)


def head(
    kind: Literal["flatten", "flatten-norm", "spatial-softmax"],
    channels: int,
    height: int,
    width: int,
    features: int,
) -> Head:
    """Return a head by name."""
    match kind:
        case "flatten":
            return Flatten(channels, height, width)
        case "flatten-norm":
            return FlattenNorm(channels, height, width, features)
        case "spatial-softmax":
            return SpatialSoftmax(channels, height, width)
        case _:
            assert_never(kind)

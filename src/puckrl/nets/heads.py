"""From the last map of an encoder to a vector."""

from typing import Literal, assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Head(nn.Module):
    """(B, C, H, W) float32 to (B, size)."""

    size: int


class Flatten(Head):
    """Every cell as a number."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.size = channels * height * width

    def forward(self, x: Tensor) -> Tensor:
        """(B, C H W)."""
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
        """(B, features) in (-1, 1)."""
        return torch.tanh(self.norm(self.linear(x.flatten(1))))


class SpatialSoftmax(Head):
    """Where each channel looks: the mean position under a softmax over its cells.

    A channel becomes two numbers, x and y in [-1, 1], -1 at the center of the first
    cell and 1 at that of the last. The temperature is learned, one for all channels.

    Source: Levine et al. (2016), "End-to-end training of deep visuomotor policies",
    section 5.1.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.size = 2 * channels
        # log, so that it stays positive
        self.log_temperature = nn.Parameter(torch.zeros(()))
        y, x = torch.meshgrid(
            torch.linspace(-1.0, 1.0, height),
            torch.linspace(-1.0, 1.0, width),
            indexing="ij",
        )
        self.places: Tensor
        self.register_buffer("places", torch.stack([x, y], dim=-1).reshape(-1, 2))

    def weights(self, x: Tensor) -> Tensor:
        """Attention over the cells, (B, C, H W), summing to 1."""
        return F.softmax(x.flatten(2) * torch.exp(-self.log_temperature), dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2 C): x and y of the first channel, then of the second ..."""
        # softmax(x) @ places as three sums over cells, channels innermost: in the memory
        # order of the convolutions a compiler vectorises this, and not the obvious form,
        # which costs seven times as much: more than a layer of convolutions.
        greatest = x.amax((2, 3), keepdim=True).detach()
        cells = (x - greatest).permute(0, 2, 3, 1).flatten(1, 2)
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
    """A head by name."""
    match kind:
        case "flatten":
            return Flatten(channels, height, width)
        case "flatten-norm":
            return FlattenNorm(channels, height, width, features)
        case "spatial-softmax":
            return SpatialSoftmax(channels, height, width)
        case _:
            assert_never(kind)

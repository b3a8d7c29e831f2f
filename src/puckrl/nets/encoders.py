"""Map images to features with convolutions.

``layers.py`` tabulates the kinds and their sources. Weights are float32; products are
computed in ``compute_dtype``.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from puckrl.nets.heads import Head, SpatialSoftmax, head
from puckrl.nets.layers import EncoderCfg, Layer, layer_table, layers


class Encoder(nn.Module):
    """Convolutions, then a head: (B, C, H, W) uint8 to (B, size) float32.

    Args:
        cfg: kind and size.
        stacked_channels: C, all frames and cameras.
        height: H.
        width: W.
        compute_dtype: precision of the convolutions.

    Raises:
        UserError: if the image is too small for it.
    """

    def __init__(
        self,
        cfg: EncoderCfg,
        stacked_channels: int,
        height: int,
        width: int,
        compute_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.compute_dtype = compute_dtype
        last = self._last = layer_table(cfg, height, width)[-1]
        self._image = (width, height)
        blocks: list[nn.Module] = []
        channels = stacked_channels
        for layer in layers(cfg):
            blocks.append(_BLOCKS[layer.kind](channels, layer))
            channels = layer.channels
        self.convs = nn.Sequential(*blocks)
        self.head: Head = head(
            cfg.head, channels, last.height, last.width, cfg.features
        )
        self.size = self.head.size
        """Number of features."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the features of images with values in 0 ... 255, (B, size) float32."""
        if pixels.is_cuda:
            x = pad_channels(pixels.to(self.compute_dtype) / 255.0 - 0.5)
        else:
            x = cast_pixels(pixels, self.compute_dtype) / 255.0 - 0.5
        return self.head(self.convs(x).float())

    def keypoints(self, features: Tensor) -> Tensor:
        """Return the keypoint of each channel of a spatial softmax.

        Args:
            features: of ``forward``, (B, size).

        Returns:
            (B, channels, 2): x and y as shares of width and height, from the upper left
            corner. With another head there are no channels.
        """
        if not isinstance(self.head, SpatialSoftmax):
            return torch.zeros(len(features), 0, 2, device=features.device)
        last = self._last
        cells, size = (
            torch.tensor(pair, device=features.device)
            for pair in ((last.width, last.height), self._image)
        )
        cell = (features.unflatten(1, (-1, 2)) + 1.0) / 2.0 * (cells - 1)
        # the image begins half a pixel before the center of its first pixel
        return (last.first_px + last.jump_px * cell + 0.5) / size


def pad_channels(x: Tensor) -> Tensor:
    """Pad (B, C, H, W) with zeros to a multiple of eight channels, channels last.

    For other numbers of channels cuDNN does not use tensor cores.
    """
    x = F.pad(x, (0, 0, 0, 0, 0, -x.shape[1] % 8))
    return x.contiguous(memory_format=torch.channels_last)


@torch.library.custom_op("puckrl::cast_pixels", mutates_args=())
def cast_pixels(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """Copy (B, C, H, W) to another dtype, channels last.

    It is a custom operator because the loop that torch.compile generates for a CPU is not
    vectorized and takes six times as long.
    """
    return pixels.to(dtype, memory_format=torch.channels_last, copy=True)


@cast_pixels.register_fake
def _(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.empty_like(pixels, dtype=dtype, memory_format=torch.channels_last)


class Conv(nn.Module):
    """Convolution and ReLU, in the precision of its input."""

    def __init__(self, inputs: int, layer: Layer) -> None:
        super().__init__()
        self.stride, self.padding = layer.stride, layer.padding
        shape = (layer.channels, inputs, layer.kernel, layer.kernel)
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.zeros(layer.channels))
        nn.init.orthogonal_(self.weight, gain=math.sqrt(2.0))

    def convolve(self, x: Tensor) -> Tensor:
        """Return conv(x), without the ReLU."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        missing = x.shape[1] - weight.shape[1]  # see pad_channels
        weight = F.pad(weight, (0, 0, 0, 0, 0, missing)) if missing else weight
        return F.conv2d(x, weight, bias, self.stride, self.padding)

    def forward(self, x: Tensor) -> Tensor:
        """Return ReLU(conv(x))."""
        return torch.relu(self.convolve(x))

    def extra_repr(self) -> str:
        """Return the shape of the weights, the stride and the padding."""
        shape = " x ".join(map(str, self.weight.shape))
        return f"{shape}, stride {self.stride}, padding {self.padding}"


class Pool(nn.Module):
    """Max pooling."""

    def __init__(self, inputs: int, layer: Layer) -> None:
        super().__init__()
        self.window = (layer.kernel, layer.stride, layer.padding)

    def forward(self, x: Tensor) -> Tensor:
        """Return the maximum of each window."""
        return F.max_pool2d(x, *self.window)


class Residual(nn.Module):
    """ReLU(x + conv(ReLU(conv(x)))), both 3 x 3."""

    def __init__(self, inputs: int, layer: Layer) -> None:
        super().__init__()
        inner = Layer(3, 1, 1, layer.channels)
        self.first, self.second = Conv(inputs, inner), Conv(inputs, inner)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, of the shape of ``x``."""
        return torch.relu(x + self.second.convolve(self.first(x)))


_BLOCKS = {"conv": Conv, "pool": Pool, "residual": Residual}

"""Objectives that draw frames from features: masked patches, and the VAE as a baseline."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from puckrl.representation.frames import Encode, Frames, FrameSizes, Metrics

_WIDTHS = (32, 32, 16)  # channels after each doubling of the image
_PATCH_PX, _MASKED = 4, 0.5
_GRAY = 128
_LATENT, _BETA = 16, 1e-3
_EPS = 1e-2  # of a patch's variance, values in [-0.5, 0.5]


class Decoder(nn.Module):
    """Features (B, n) to an image (B, channels, height, width), values near [-0.5, 0.5]."""

    def __init__(self, features: int, channels: int, height: int, width: int) -> None:
        super().__init__()
        self._size = (height, width)
        scale = 2 ** len(_WIDTHS)
        self._map = (_WIDTHS[0], math.ceil(height / scale), math.ceil(width / scale))
        self.first = nn.Linear(features, math.prod(self._map))
        inputs = (_WIDTHS[0], *_WIDTHS[:-1])
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1)
            for before, after in zip(inputs, _WIDTHS, strict=True)
        )
        self.last = nn.Conv2d(_WIDTHS[-1], channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the image."""
        x = torch.relu(self.first(features)).view(-1, *self._map)
        for conv in self.convs:
            x = torch.relu(conv(F.interpolate(x, scale_factor=2.0, mode="nearest")))
        height, width = self._size
        return self.last(x)[:, :, :height, :width]


def newest(pixels: Tensor, channels: int) -> Tensor:
    """Return the newest frame of stacks, (B, channels, H, W), values in [-0.5, 0.5]."""
    return pixels[:, -channels:].float() / 255.0 - 0.5


def patches(image: Tensor, side: int) -> Tensor:
    """Return the whole patches of images (B, C, H, W), (B, rows columns, C side²)."""
    rows, columns = (size // side * side for size in image.shape[-2:])
    cut = image[:, :, :rows, :columns]
    return F.unfold(cut, side, stride=side).transpose(1, 2)


class MaskedPatches(nn.Module):
    """Draw hidden patches from the features of an image in which they are gray.

    Half of the 4 x 4 patches are hidden, in every frame of the stack. The loss is the mean
    squared error on hidden patches of the newest frame, each with mean 0 and variance 1:
    a patch of the table counts as much as one of the robot.

    Source: He et al. (2022), "Masked autoencoders are scalable vision learners", section 3,
    "per-patch normalization"; here with a convolutional encoder and a vector between.
    """

    needs = ()

    def __init__(self, sizes: FrameSizes) -> None:
        super().__init__()
        self._channels = sizes.channels
        self._grid = (sizes.height // _PATCH_PX, sizes.width // _PATCH_PX)
        self.draws = self._grid[0] * self._grid[1]
        self.decoder = Decoder(
            sizes.features, sizes.channels, sizes.height, sizes.width
        )

    def forward(
        self, encode: Encode, features: Tensor, frames: Frames
    ) -> tuple[Tensor, Metrics]:
        """Return the loss."""
        hidden = frames.draws < _MASKED  # (B, patches)
        drawn = self.decoder(encode(hide(frames.pixels, hidden, self._grid)))
        target = normalized(patches(newest(frames.pixels, self._channels), _PATCH_PX))
        error = (patches(drawn, _PATCH_PX) - target).square().mean(dim=2)
        loss = (error * hidden).sum() / hidden.sum().clamp_min(1)
        return loss, {"train/masked_patches_loss": loss}


def hide(pixels: Tensor, hidden: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return stacks with gray patches; hidden (B, rows columns) bool, grid rows, columns."""
    rows, columns = grid
    cells = hidden.view(-1, 1, rows, columns)
    mask = cells.repeat_interleave(_PATCH_PX, 2).repeat_interleave(_PATCH_PX, 3)
    below, beside = (
        full - part for full, part in zip(pixels.shape[2:], mask.shape[2:], strict=True)
    )
    return torch.where(F.pad(mask, (0, beside, 0, below)), _GRAY, pixels)


def normalized(parts: Tensor) -> Tensor:
    """Return patches (B, n, values) with mean 0 and variance 1, flat ones near 0."""
    mean = parts.mean(dim=2, keepdim=True)
    variance = parts.var(dim=2, unbiased=False, keepdim=True)
    return (parts - mean) / (variance + _EPS**2).sqrt()


class Vae(nn.Module):
    """Draw the newest frame from a noisy code of 16 numbers: mean squared error + β KL.

        KL = -1/2 mean Σ (1 + log σ² - μ² - σ²)

    Source: Kingma and Welling (2014), "Auto-encoding variational Bayes", section 3 and
    appendix B, with β as in Higgins et al. (2017). Large parts of a picture weigh most, so
    small objects come last.
    """

    needs = ()
    draws = 2 * _LATENT

    def __init__(self, sizes: FrameSizes) -> None:
        super().__init__()
        self._channels = sizes.channels
        self.code = nn.Linear(sizes.features, 2 * _LATENT)
        self.decoder = Decoder(_LATENT, sizes.channels, sizes.height, sizes.width)

    def forward(
        self, encode: Encode, features: Tensor, frames: Frames
    ) -> tuple[Tensor, Metrics]:
        """Return the loss, its two parts apart."""
        mean, log_var = self.code(features).chunk(2, dim=1)
        code = mean + (log_var / 2).exp() * normal(frames.draws)
        error = self.decoder(code) - newest(frames.pixels, self._channels)
        squares, kl = error.square().mean(), divergence(mean, log_var)
        return squares + _BETA * kl, {
            "train/vae_error": squares,
            "train/vae_kl": kl.detach(),
        }


def divergence(mean: Tensor, log_var: Tensor) -> Tensor:
    """Return KL(N(μ, σ²) | N(0, 1)), summed over columns, mean over rows, ()."""
    return -0.5 * (1.0 + log_var - mean.square() - log_var.exp()).sum(dim=1).mean()


def normal(uniform: Tensor) -> Tensor:
    """Turn uniform numbers (B, 2 n) in [0, 1) into standard normal ones (B, n).

    Source: Box and Muller (1958).
    """
    radius, angle = uniform.chunk(2, dim=1)
    length = (-2.0 * torch.log1p(-radius.clamp_max(1.0 - 1e-7))).sqrt()
    return length * torch.cos(2.0 * math.pi * angle)

"""Contrastive objectives: tell what belongs together from the rest of the batch.

Both use the symmetric InfoNCE loss. With logits l_ij of query i and key j,

    L = -1/2 mean_i [ l_ii - log Σ_j exp l_ij ] - 1/2 mean_i [ l_ii - log Σ_j exp l_ji ]

Chance is log B.

Source: van den Oord, Li, Vinyals (2018), "Representation learning with contrastive
predictive coding", equation 4; both directions as in Eysenbach et al. (2022), "Contrastive
learning as goal-conditioned reinforcement learning".
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from puckrl.nets.augment import color_jitter, random_shift
from puckrl.representation.frames import (
    LATER,
    Encode,
    Frames,
    FrameSizes,
    Metrics,
    accuracy,
    wanted,
)

_DIMENSIONS = 32
_SHIFT_PX = 4
_GAIN, _OFFSET = 0.2, 20.0


def info_nce(logits: Tensor) -> Tensor:
    """Return the symmetric InfoNCE loss of logits (B, B), positives on the diagonal, ()."""
    right = torch.arange(len(logits), device=logits.device)
    both = F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)
    return both / 2


def negative_square_distances(one: Tensor, other: Tensor) -> Tensor:
    """Return -|x_i - y_j|² of rows (B, d) and (C, d), (B, C)."""
    squares = one.square().sum(1)[:, None] + other.square().sum(1)[None, :]
    return 2.0 * one @ other.T - squares


class TimeContrastive(nn.Module):
    """Frames of one episode belong together: l_ij = -|z_i - z'_j|², z' of a later frame.

    The later frame is any of the same episode, so the arm has moved on and what tells
    episodes apart is what stays: where the objects are. Frames of other episodes are the
    negatives.

    Source: Sermanet et al. (2018), "Time-contrastive networks", section III.A; here with
    whole episodes for the positive window and InfoNCE for the triplets.
    """

    needs = (LATER,)
    draws = 0

    def __init__(self, sizes: FrameSizes) -> None:
        super().__init__()
        self.project = nn.Linear(sizes.features, _DIMENSIONS)

    def forward(
        self, encode: Encode, features: Tensor, frames: Frames
    ) -> tuple[Tensor, Metrics]:
        """Return the loss, and the share of later frames that are found."""
        later = self.project(encode(wanted(frames.later_pixels)))
        logits = negative_square_distances(self.project(features), later)
        loss = info_nce(logits)
        return loss, {
            "train/time_contrastive_loss": loss,
            "train/time_contrastive_accuracy": accuracy(logits),
        }


class ViewContrastive(nn.Module):
    """Two augmentations of a frame belong together: l_ij = z_i W z'_j.

    Each view is shifted by up to 4 pixels and changed in color. Positions are then known no
    better than the shift: this is a baseline for features of objects, not of places.

    Source: Laskin, Srinivas, Abbeel (2020), "CURL", section 4: bilinear similarity; here
    with one encoder for queries and keys, and gradients to both.
    """

    needs = ()
    draws = 12  # of each view: two shifts, three gains, one brightness

    def __init__(self, sizes: FrameSizes) -> None:
        super().__init__()
        self.project = nn.Linear(sizes.features, _DIMENSIONS)
        self.similarity = nn.Parameter(torch.eye(_DIMENSIONS))

    def forward(
        self, encode: Encode, features: Tensor, frames: Frames
    ) -> tuple[Tensor, Metrics]:
        """Return the loss, and the share of views that are found."""
        one, other = (
            self.project(encode(view(frames.pixels, drawn)))
            for drawn in frames.draws.chunk(2, dim=1)
        )
        logits = one @ self.similarity @ other.T
        loss = info_nce(logits)
        return loss, {
            "train/infonce_loss": loss,
            "train/infonce_accuracy": accuracy(logits),
        }


def view(pixels: Tensor, drawn: Tensor) -> Tensor:
    """Return shifted and recolored images, (B, C, H, W) uint8; drawn (B, 6) in [0, 1)."""
    shifts = (drawn[:, :2] * (2 * _SHIFT_PX + 1)).long()
    moved = random_shift(pixels, shifts, _SHIFT_PX)
    signed = 2.0 * drawn[:, 2:] - 1.0
    gain = (1.0 + _GAIN * signed[:, :3]).repeat(1, pixels.shape[1] // 3)
    return color_jitter(moved, gain, _OFFSET * signed[:, 3:])

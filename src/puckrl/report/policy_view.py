"""Images of a policy's newest pixels, with dots at its spatial-softmax keypoints."""

import colorsys

import torch
from torch import Tensor
from torch.nn import functional as F

_RADIUS = 1 / 60
"""Radius of a dot as a share of the height."""
_RIM_PX = 1.5
_RIM = (12.0, 12.0, 16.0)


def policy_view(frame: Tensor, points: Tensor, height: int) -> Tensor:
    """Enlarge images without smoothing them, and mark points in them.

    Args:
        frame: newest images, those of several cameras concatenated along the channels,
            (n, rows, columns, 3 * cameras) uint8.
        points: x and y as shares of an image's width and height, (n, points, 2).
        height: even height of the result in pixels.

    Returns:
        (n, height, cameras * width, 3) uint8; the width is even.
    """
    count, rows, columns, _ = frame.shape
    images = frame.unflatten(-1, (-1, 3))
    cameras = images.shape[3]
    width = 2 * round(height * columns / rows / 2)
    images = images.permute(0, 3, 4, 1, 2).flatten(0, 1).float()
    large = F.interpolate(images, (height, width), mode="nearest-exact")
    marked = _mark(
        large.permute(0, 2, 3, 1),
        points.repeat_interleave(cameras, dim=0) * torch.tensor([width, height]),
        _RADIUS * height,
    )
    side_by_side = marked.unflatten(0, (count, cameras)).transpose(1, 2).flatten(2, 3)
    return side_by_side.round().byte()


def _mark(images: Tensor, points: Tensor, radius_px: float) -> Tensor:
    """Paint a disc with a dark rim at every point.

    Args:
        images: (n, height, width, 3) float32 in [0, 255].
        points: x and y in pixels from the upper left corner, (n, points, 2).
        radius_px: radius of the discs without their rims.

    Returns:
        (n, height, width, 3).
    """
    reach = int(radius_px + _RIM_PX) + 2
    canvas = F.pad(images, (0, 0, reach, reach, reach, reach))
    rim, offsets = torch.tensor(_RIM), torch.arange(-reach, reach)
    world = torch.arange(len(images))[:, None, None]
    total = points.shape[1]
    for index, (x, y) in enumerate(points.permute(1, 2, 0)):
        columns = x.round().long()[:, None, None] + offsets
        rows = y.round().long()[:, None, None] + offsets[:, None]
        across, down = columns + 0.5 - x[:, None, None], rows + 0.5 - y[:, None, None]
        apart = torch.hypot(across, down)[..., None]
        where = (world, rows + reach, columns + reach)
        inside, rimmed = (
            (edge + 0.5 - apart).clamp(0.0, 1.0)
            for edge in (radius_px, radius_px + _RIM_PX)
        )
        color = 255.0 * torch.tensor(colorsys.hsv_to_rgb(index / total, 0.75, 1.0))
        canvas[where] = canvas[where].lerp(rim, rimmed).lerp(color, inside)
    return canvas[:, reach:-reach, reach:-reach]

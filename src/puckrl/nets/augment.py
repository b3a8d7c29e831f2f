"""Random changes of pictures; whoever calls them draws the random numbers."""

import torch
from torch import Tensor


def random_shift(pixels: Tensor, shifts: Tensor, pad: int) -> Tensor:
    """Move each picture by whole pixels; what is uncovered repeats the border.

    Source: Kostrikov, Yarats, Fergus (2020), "Image augmentation is all you need",
    section 3.1: pad by replication, crop at random.

    Args:
        pixels: (B, C, H, W), any dtype.
        shifts: rows and columns to shift by, (B, 2) int64 in [0, 2 pad]; ``pad`` is none.
        pad: the largest shift, in pixels.

    Returns:
        (B, C, H, W): out[y, x] = in[clamp(y + dy - pad), clamp(x + dx - pad)].
    """
    height, width = pixels.shape[-2:]
    rows = torch.arange(height, device=pixels.device) + shifts[:, :1] - pad
    columns = torch.arange(width, device=pixels.device) + shifts[:, 1:] - pad
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    picture = torch.arange(len(pixels), device=pixels.device)[:, None, None]
    # channels last on both sides, as encoders like them
    out = pixels.permute(0, 2, 3, 1)[picture, rows[:, :, None], columns[:, None]]
    return out.permute(0, 3, 1, 2)


def color_jitter(pixels: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """Change the colors of each picture: clip(gain x + offset) in 0 ... 255.

    Args:
        pixels: (B, C, H, W) uint8.
        gain: factor of every channel, (B, C).
        offset: brightness added, (B, 1) or (B, C).

    Returns:
        (B, C, H, W) uint8.
    """
    changed = pixels.float() * gain[..., None, None] + offset[..., None, None]
    return changed.round().clamp(0, 255).to(torch.uint8)

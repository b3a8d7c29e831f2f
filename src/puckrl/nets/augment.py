"""Change images by numbers that the caller draws."""

import torch
from torch import Tensor


def random_shift(pixels: Tensor, shifts: Tensor, pad: int) -> Tensor:
    """Shift each image by whole pixels, and repeat its border where it is uncovered.

    Source: Kostrikov, Yarats, Fergus (2020), "Image augmentation is all you need",
    section 3.1: pad by replication, crop at random.

    Args:
        pixels: (B, C, H, W), any dtype.
        shifts: rows and columns to shift by, (B, 2) int64 in [0, 2 pad]; ``pad`` means no
            shift.
        pad: maximum shift, in pixels.

    Returns:
        (B, C, H, W): out[y, x] = in[clamp(y + dy - pad), clamp(x + dx - pad)].
    """
    height, width = pixels.shape[-2:]
    rows = torch.arange(height, device=pixels.device) + shifts[:, :1] - pad
    columns = torch.arange(width, device=pixels.device) + shifts[:, 1:] - pad
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    image = torch.arange(len(pixels), device=pixels.device)[:, None, None]
    # channels last on both sides: encoders are faster on that layout
    out = pixels.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None]]
    return out.permute(0, 3, 1, 2)


def color_jitter(pixels: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """Change the colors of each image: clip(gain x + offset) to 0 ... 255.

    Args:
        pixels: (B, C, H, W) uint8.
        gain: factor of every channel, (B, C).
        offset: brightness added, (B, 1) or (B, C).

    Returns:
        (B, C, H, W) uint8.
    """
    changed = pixels.float() * gain[..., None, None] + offset[..., None, None]
    return changed.round().clamp(0, 255).to(torch.uint8)

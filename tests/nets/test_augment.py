"""Augmentations against loops."""

import torch
from torch import Tensor

from puckrl.nets.augment import color_jitter, random_shift


def _pixels(count: int, rng: torch.Generator) -> Tensor:
    shape = (count, 6, 6, 8)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)


def test_random_shift_equals_padding_and_cropping(rng: torch.Generator) -> None:
    pixels, shifts = _pixels(40, rng), torch.randint(5, (40, 2), generator=rng)
    got = random_shift(pixels, shifts, 2)
    padded = torch.nn.functional.pad(pixels.float(), (2, 2, 2, 2), mode="replicate")
    for b, (dy, dx) in enumerate(shifts.tolist()):
        crop = padded[b, :, dy : dy + 6, dx : dx + 8]
        assert torch.equal(got[b].float(), crop)
    assert got.dtype == torch.uint8
    assert got.is_contiguous(memory_format=torch.channels_last)


def test_the_middle_shift_is_none(rng: torch.Generator) -> None:
    pixels = _pixels(3, rng)
    assert torch.equal(random_shift(pixels, torch.full((3, 2), 4), 4), pixels)


def test_color_jitter_equals_a_loop(rng: torch.Generator) -> None:
    pixels = _pixels(5, rng)
    gain = 1 + 0.4 * (torch.rand(5, 6, generator=rng) - 0.5)
    offset = 60 * (torch.rand(5, 1, generator=rng) - 0.5)
    got = color_jitter(pixels, gain, offset)
    assert got.dtype == torch.uint8
    for b in range(5):
        for c in range(6):
            expected = (pixels[b, c] * gain[b, c] + offset[b]).round().clip(0, 255)
            assert torch.equal(got[b, c].float(), expected)

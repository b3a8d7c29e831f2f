"""Augmentations of a batch against the formulas in nets.augment and loops."""

from typing import get_args

import pytest
import torch
from torch import Tensor

from puckrl.agents.augment import Augment, augmentation
from puckrl.agents.settings import AugmentKind
from puckrl.nets.augment import random_shift

KINDS: tuple[AugmentKind, ...] = get_args(AugmentKind)


def _pixels(rng: torch.Generator) -> Tensor:
    return torch.randint(256, (5, 6, 9, 7), generator=rng, dtype=torch.uint8)


def _apply(augment: Augment, pixels: Tensor, drawn: Tensor) -> Tensor:
    return augment({"pixels": pixels}, drawn)["pixels"]


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_keep_shape_and_type_and_all_draws_differ(
    kind: AugmentKind, rng: torch.Generator
) -> None:
    augment, pixels = augmentation(kind), _pixels(rng)
    drawn = augment.draw(5, rng)
    changed = [_apply(augment, pixels, half) for half in drawn]
    for images in changed:
        assert images.shape == pixels.shape
        assert images.dtype == torch.uint8
        assert torch.equal(images, pixels) == (kind == "none")
    assert torch.equal(*changed) == (kind == "none")
    assert drawn.numel() == 2 * 5 * augment.size


def test_colors_by_a_loop_alike_in_every_frame_of_a_stack(
    rng: torch.Generator,
) -> None:
    augment, pixels = augmentation("color"), _pixels(rng)
    drawn = augment.draw(5, rng)[0]
    got = _apply(augment, pixels, drawn)
    for b, (red, green, blue, light) in enumerate(drawn.tolist()):
        for c, number in enumerate((red, green, blue) * 2):
            level = pixels[b, c].double() * (1 + 0.2 * number) + 20.0 * light
            # at halves float32 and float64 may round apart
            apart = (got[b, c].double() - level.clamp(0, 255)).abs()
            assert apart.max() <= 0.5 + 1e-4


def test_draws_fill_their_range(rng: torch.Generator) -> None:
    shifts = augmentation("shift").draw(1000, rng)
    assert shifts.unique().tolist() == list(range(9))
    colors = augmentation("color").draw(1000, rng)
    assert -1.0 <= colors.min() < -0.99 < 0.99 < colors.max() < 1.0


def test_both_are_a_shift_and_then_a_change_of_colors(rng: torch.Generator) -> None:
    augment, pixels = augmentation("shift+color"), _pixels(rng)
    drawn = augment.draw(5, rng)[1]
    shifted = random_shift(pixels, drawn[:, :2].long(), 4)
    expected = _apply(augmentation("color"), shifted, drawn[:, 2:])
    assert torch.equal(_apply(augment, pixels, drawn), expected)

"""Heads: where a channel is active, and how features are squashed."""

import math

import pytest
import torch

from puckrl.nets.heads import FlattenNorm, SpatialSoftmax, head
from puckrl.nets.layers import HeadKind


def test_spatial_softmax_equals_a_hand_table() -> None:
    softmax = SpatialSoftmax(3, 2, 3)  # x in (-1, 0, 1), y in (-1, 1)
    maps = torch.zeros(1, 3, 2, 3)
    maps[0, 1, 1, 2] = 1000.0  # all in the lower right corner
    maps[0, 2, 0, 0] = math.log(3.0)  # weights 3 : 1 1 1 1 1, sum 8
    # uniform: the middle; corner: itself; the rest: x = (-3 + 1 - 1 + 1) / 8
    expected = [0.0, 0.0, 1.0, 1.0, -0.25, -0.25]
    assert softmax(maps)[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_spatial_softmax_equals_a_loop(rng: torch.Generator) -> None:
    softmax, maps = SpatialSoftmax(2, 3, 5), torch.randn(4, 2, 3, 5, generator=rng)
    with torch.no_grad():
        softmax.log_temperature.fill_(math.log(0.3))
    got = softmax(maps).reshape(4, 2, 2)
    for b in range(4):
        for c in range(2):
            weight = [[math.exp(v / 0.3) for v in row] for row in maps[b, c].tolist()]
            total = sum(map(sum, weight))
            x = sum(w * (j / 2 - 1) for row in weight for j, w in enumerate(row))
            y = sum(w * (i - 1) for i, row in enumerate(weight) for w in row)
            assert got[b, c, 0].item() == pytest.approx(x / total, abs=1e-5)
            assert got[b, c, 1].item() == pytest.approx(y / total, abs=1e-5)


def test_temperature_is_learned_and_sharpens(rng: torch.Generator) -> None:
    softmax, maps = SpatialSoftmax(2, 4, 4), torch.randn(1, 2, 4, 4, generator=rng)
    softmax(maps).sum().backward()
    assert softmax.log_temperature.grad is not None
    assert softmax.log_temperature.grad.abs() > 0
    warm = softmax.weights(maps).amax()
    with torch.no_grad():
        softmax.log_temperature.fill_(-3.0)
    assert softmax.weights(maps).amax() > warm


def test_flatten_norm_equals_torchs_layers(rng: torch.Generator) -> None:
    norm = FlattenNorm(2, 3, 3, 5)
    maps = torch.randn(7, 2, 3, 3, generator=rng)
    layers = torch.nn.Sequential(
        torch.nn.Flatten(), norm.linear, norm.norm, torch.nn.Tanh()
    )
    torch.testing.assert_close(norm(maps), layers(maps))


@pytest.mark.parametrize(
    ("kind", "size"), [("spatial-softmax", 8), ("flatten", 60), ("flatten-norm", 10)]
)
def test_sizes(kind: HeadKind, size: int, rng: torch.Generator) -> None:
    made = head(kind, 4, 3, 5, 10)
    assert made.size == size
    maps = torch.randn(2, 4, 3, 5, generator=rng)
    assert made(maps).shape == (2, size)
    last = maps.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(made(last), made(maps))


def test_spatial_softmax_and_its_gradient_are_those_of_the_plain_form(
    rng: torch.Generator,
) -> None:
    softmax = SpatialSoftmax(3, 4, 5).double()
    with torch.no_grad():
        softmax.log_temperature.fill_(-1.0)
    maps = torch.randn(2, 3, 4, 5, generator=rng).double() * 50  # exp would overflow
    # channels that differ by far more than exp can hold
    maps[:, 1] += 1e4
    pull = torch.randn(2, 6, generator=rng).double()
    results: list[list[torch.Tensor]] = []
    for plain in (True, False):
        x = maps.clone().requires_grad_()
        out = (softmax.weights(x) @ softmax.places).flatten(1) if plain else softmax(x)
        wanted = [x, softmax.log_temperature]
        results.append([out, *torch.autograd.grad((out * pull).sum(), wanted)])
    for ours, theirs in zip(*results, strict=True):
        assert ours.isfinite().all()
        torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)

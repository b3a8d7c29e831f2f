"""An ensemble is nothing but separate networks side by side."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from puckrl.nets.blocks import EnsembleLinear, EnsembleMLP, aligned_bmm, narrow_bmm
from tests.oracles import PlainMLP

# float32 sums in another order
_FP32_TOLERANCE = 2e-6
# bfloat16 keeps 8 bits: 2^-8 for each of three products, outputs of size 1
_BF16_TOLERANCE = 2e-2


def _mlp(ensemble: int, *, layer_norm: bool, dtype: torch.dtype) -> EnsembleMLP:
    torch.manual_seed(0)
    return EnsembleMLP(
        ensemble, 7, (32, 16), 3, layer_norm=layer_norm, compute_dtype=dtype
    )


@pytest.mark.parametrize("ensemble", [1, 2, 5])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_ensemble_equals_separate_networks(
    ensemble: int, layer_norm: bool, rng: torch.Generator
) -> None:
    mlp = _mlp(ensemble, layer_norm=layer_norm, dtype=torch.float32)
    x = torch.randn(11, 7, generator=rng)
    y = mlp(x)
    assert y.shape == (ensemble, 11, 3)
    torch.testing.assert_close(y, PlainMLP(mlp)(x), atol=_FP32_TOLERANCE, rtol=0)


def test_members_differ(rng: torch.Generator) -> None:
    y = _mlp(3, layer_norm=True, dtype=torch.float32)(torch.randn(4, 7, generator=rng))
    assert not torch.allclose(y[0], y[1])
    assert not torch.allclose(y[1], y[2])


@pytest.mark.parametrize("layer_norm", [False, True])
def test_gradients_equal_those_of_separate_networks(
    layer_norm: bool, rng: torch.Generator
) -> None:
    mlp = _mlp(2, layer_norm=layer_norm, dtype=torch.float32)
    plain = PlainMLP(mlp)
    x = torch.randn(11, 7, generator=rng)
    mlp(x).square().sum().backward()
    plain(x).square().sum().backward()
    weights = [p.grad for name, p in mlp.named_parameters() if "weight" in name]
    for member in range(2):
        expected = [p.grad for p in plain.members[member].parameters() if p.ndim == 2]
        for got, want in zip(weights, expected, strict=True):
            assert got is not None
            assert want is not None
            torch.testing.assert_close(got[member], want.T, atol=1e-4, rtol=1e-4)


def test_bf16_is_close_to_fp32_and_not_equal(rng: torch.Generator) -> None:
    exact = _mlp(2, layer_norm=True, dtype=torch.float32)
    rough = _mlp(2, layer_norm=True, dtype=torch.bfloat16)
    x = torch.randn(64, 7, generator=rng)
    apart = (exact(x) - rough(x)).abs().max()
    assert 0 < apart < _BF16_TOLERANCE
    assert rough(x).dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in rough.parameters())


@pytest.mark.parametrize(
    ("product", "inputs", "outputs"),
    [(aligned_bmm, 35, 16), (aligned_bmm, 40, 16), (narrow_bmm, 32, 1)],
)
def test_products_made_for_a_gpu_are_plain_ones(
    product: Callable[[Tensor, Tensor], Tensor],
    inputs: int,
    outputs: int,
    rng: torch.Generator,
) -> None:
    x = torch.randn(2, 11, inputs, generator=rng)
    weight = torch.randn(2, inputs, outputs, generator=rng)
    grads = list[tuple[Tensor, ...]]()
    for way in (product, torch.bmm):
        leaves = x.clone().requires_grad_(), weight.clone().requires_grad_()
        y = way(*leaves)
        grads.append((y, *torch.autograd.grad(y.square().sum(), leaves)))
    for got, want in zip(*grads, strict=True):
        torch.testing.assert_close(got, want, atol=1e-3, rtol=1e-4)


def test_initial_weights_fill_the_range_of_torch_linear() -> None:
    torch.manual_seed(0)
    layer = EnsembleLinear(2, 100, 200, torch.float32)
    for p in layer.parameters():
        assert 0.095 < p.abs().max() <= 0.1  # 1 / sqrt(inputs)
        assert abs(p.mean()) < 0.01

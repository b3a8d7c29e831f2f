"""A flat vector and its module are one thing seen twice."""

import torch
from torch.func import grad

from puckrl.nets.blocks import EnsembleMLP
from puckrl.nets.flat import Flat
from tests.oracles import PlainMLP


def _mlp() -> EnsembleMLP:
    torch.manual_seed(0)
    return EnsembleMLP(2, 5, (8, 8), 3, layer_norm=True, compute_dtype=torch.float32)


def test_flattening_changes_no_output(rng: torch.Generator) -> None:
    x = torch.randn(6, 5, generator=rng)
    before = _mlp()(x).detach()
    flat = Flat(_mlp())
    assert torch.equal(flat.module(x), before)
    assert torch.equal(flat(flat.vector, x), before)
    assert flat.vector.numel() == sum(p.numel() for p in _mlp().parameters())


def test_the_modules_parameters_are_live_views_of_the_vector(
    rng: torch.Generator,
) -> None:
    flat = Flat(_mlp())
    flat.vector.add_(torch.randn(flat.vector.shape, generator=rng))
    parts = flat.split(flat.vector)
    for name, parameter in flat.module.named_parameters():
        assert torch.equal(parameter, parts[name])
    with torch.no_grad():
        next(flat.module.parameters()).zero_()
    assert (flat.vector[: 2 * 5 * 8] == 0).all()


def test_another_vector_is_another_network(rng: torch.Generator) -> None:
    flat, x = Flat(_mlp()), torch.randn(6, 5, generator=rng)
    kept = flat.vector.clone()
    other = torch.randn(flat.vector.shape, generator=rng)
    elsewhere = Flat(_mlp())
    elsewhere.vector.copy_(other)
    assert torch.equal(flat(other, x), elsewhere.module(x))
    assert torch.equal(flat.vector, kept)


def test_gradients_equal_autograds(rng: torch.Generator) -> None:
    mlp, x = _mlp(), torch.randn(6, 5, generator=rng)
    mlp(x).square().mean().backward()
    expected = torch.cat(
        [p.grad.reshape(-1) for p in mlp.parameters() if p.grad is not None]
    )
    flat = Flat(_mlp())
    got = grad(lambda vector: flat(vector, x).square().mean())(flat.vector)
    torch.testing.assert_close(got, expected, atol=1e-7, rtol=1e-5)


def test_the_order_of_the_vector_is_that_of_the_oracle() -> None:
    mlp = _mlp()
    plain = PlainMLP(mlp).vector()
    assert torch.equal(Flat(mlp).vector, plain)

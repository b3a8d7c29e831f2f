"""Policies that do not learn."""

import torch
from torch import Tensor

from puckrl.agents.scripted import Random, Scripted, Zero
from puckrl.core.types import Obs

CPU = torch.device("cpu")


def observations(count: int) -> Obs:
    return {"state": torch.arange(2.0 * count).reshape(count, 2)}


def test_zero_does_nothing() -> None:
    action = Zero(4).act(observations(3), explore=True)
    assert torch.equal(action, torch.zeros(3, 4))


def test_random_is_uniform_in_the_legal_range() -> None:
    action = Random(4, seed=0, device=CPU).act(observations(5000), explore=False)
    assert action.shape == (5000, 4)
    assert action.dtype == torch.float32
    assert -1.0 <= float(action.min()) < -0.99
    assert 0.99 < float(action.max()) < 1.0
    # Uniform on [-1, 1]: mean 0, variance 1/3; five standard errors at 5000 draws.
    assert (action.mean(dim=0).abs() < 5 * (1 / 3 / 5000) ** 0.5).all()
    assert ((action.var(dim=0) - 1 / 3).abs() < 5 * (4 / 45 / 5000) ** 0.5).all()


def test_random_follows_its_seed_and_not_the_global_generator() -> None:
    torch.manual_seed(1)
    one = Random(2, seed=7, device=CPU)
    first, second = (one.act(observations(3), explore=True) for _ in range(2))
    torch.manual_seed(2)
    again = Random(2, seed=7, device=CPU)
    assert torch.equal(first, again.act(observations(3), explore=True))
    assert torch.equal(second, again.act(observations(3), explore=True))
    assert not torch.equal(first, second)
    other = Random(2, seed=8, device=CPU)
    assert not torch.equal(first, other.act(observations(3), explore=True))


def test_a_script_acts_within_the_legal_range() -> None:
    def script(obs: Obs) -> Tensor:
        return obs["state"].double() - 1.5

    action = Scripted(script).act(observations(2), explore=False)
    assert torch.equal(action, torch.tensor([[-1.0, -0.5], [0.5, 1.0]]))
    assert action.dtype == torch.float32

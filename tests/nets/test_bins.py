"""Critics that are histograms: a slow loop, and values that survive the way there and back."""

import math
from itertools import pairwise

import pytest
import torch

from puckrl.nets.bins import Bins, symexp, symlog
from puckrl.nets.critics import Critic
from puckrl.nets.flat import Flat
from puckrl.nets.inputs import VectorInput

VALUES = torch.tensor([-3000.0, -40.0, -0.3, 0.0, 0.01, 2.5, 900.0])


def _normal(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))


def test_a_histogram_is_the_mass_of_a_gaussian_in_each_bin() -> None:
    bins = Bins(41)
    width = 20.0 / 41
    for value, found in zip(VALUES.tolist(), bins.histogram(VALUES), strict=True):
        z = math.copysign(math.log1p(abs(value)), value)
        edges = [-10.0 + width * i for i in range(42)]
        at = [_normal((edge - z) / (0.75 * width)) for edge in edges]
        wanted = [high - low for low, high in pairwise(at)]
        assert found.tolist() == pytest.approx(
            [mass / sum(wanted) for mass in wanted], abs=1e-5
        )


def test_values_survive_their_histogram() -> None:
    bins = Bins(201)
    back = bins.value(bins.histogram(VALUES).clamp_min(1e-30).log())
    assert torch.allclose(back, VALUES, rtol=5e-3, atol=1e-3)
    assert torch.allclose(symexp(symlog(VALUES)), VALUES, rtol=1e-5)


def test_values_beyond_the_bins_are_clipped_not_nan() -> None:
    bins = Bins(21)
    found = bins.histogram(torch.tensor([1e9, -1e9]))
    assert bool(found.isfinite().all())
    assert torch.allclose(found.sum(dim=-1), torch.ones(2))


def test_a_critic_learns_its_targets_as_histograms() -> None:
    torch.manual_seed(0)
    critic = Flat(
        Critic(VectorInput([0], 0), (32,), 1, ensemble=2, bins=51),
    )
    obs = {
        "state": torch.linspace(-1, 1, 64)[:, None],
        "achieved_goal": torch.zeros(64, 0),
        "desired_goal": torch.zeros(64, 0),
    }
    action, target = torch.zeros(64, 1), 5.0 * torch.linspace(-1, 1, 64)
    module = critic.module
    assert isinstance(module, Critic)
    assert module.bins is not None
    vector = critic.vector.clone().requires_grad_()
    adam = torch.optim.Adam([vector], 1e-2)
    for _ in range(200):
        logits = critic(vector, obs, action, raw=True)
        assert logits.shape == (2, 64, 51)
        adam.zero_grad()
        module.bins.loss(logits, target).backward()
        adam.step()
    found = critic(vector.detach(), obs, action)
    assert found.shape == (2, 64)
    assert float((found - target).abs().mean()) < 0.3

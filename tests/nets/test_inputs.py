"""Networks see normalized columns, and only those that they may see."""

import numpy as np
import pytest
import torch

from puckrl.core.types import Obs
from puckrl.nets.inputs import VectorInput


def _obs(count: int, rng: torch.Generator) -> Obs:
    spread = torch.tensor([1.0, 5.0, 0.01, 2.0])
    return {
        "state": torch.randn(count, 4, generator=rng) * spread + 3.0,
        "achieved_goal": torch.randn(count, 2, generator=rng),
        "desired_goal": torch.randn(count, 2, generator=rng) - 1.0,
    }


def test_columns_goal_and_the_way_to_it() -> None:
    obs = {
        "state": torch.tensor([[1.0, 2.0, 3.0, 4.0]]),
        "achieved_goal": torch.tensor([[0.5, 0.25]]),
        "desired_goal": torch.tensor([[2.0, 1.0]]),
    }
    shown = VectorInput([3, 1], 2)
    assert shown.size == 6
    assert shown(obs).tolist() == [[4.0, 2.0, 2.0, 1.0, 1.5, 0.75]]
    hidden = VectorInput([0], 2, show_achieved=False)
    assert hidden.size == 3
    assert hidden(obs).tolist() == [[1.0, 2.0, 1.0]]


def test_running_moments_equal_numpys_over_everything(rng: torch.Generator) -> None:
    features = VectorInput(range(4), 2)
    parts = [_obs(count, rng) for count in (1, 10, 500)]
    for part in parts:
        features.update_from(part)
    rows = np.concatenate([features.raw(part).double().numpy() for part in parts])
    np.testing.assert_allclose(features.mean, rows.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(features.scale, 1 / rows.std(axis=0), rtol=1e-5)


def test_any_leading_shape_counts_the_same(rng: torch.Generator) -> None:
    flat = _obs(12, rng)
    folded = {name: x.reshape(3, 4, -1) for name, x in flat.items()}
    one, two = VectorInput(range(4), 2), VectorInput(range(4), 2)
    one.update_from(flat)
    two.update_from(folded)
    assert torch.equal(one.moments, two.moments)


def test_what_was_observed_becomes_standard(rng: torch.Generator) -> None:
    features, obs = VectorInput(range(4), 2), _obs(5000, rng)
    features.update_from(obs)
    x = features(obs)
    torch.testing.assert_close(x.mean(dim=0), torch.zeros(8), atol=1e-3, rtol=0)
    torch.testing.assert_close(x.std(dim=0), torch.ones(8), atol=1e-2, rtol=0)


def test_a_constant_column_is_zero_and_stays_finite(rng: torch.Generator) -> None:
    features, obs = VectorInput(range(4), 2), _obs(1000, rng)
    obs["state"][:, 2] = 1.3418  # far from 0: its variance is lost in rounding
    features.update_from(obs)
    assert features.scale[2] == 1000.0  # deviations count as 0.001 at least
    assert (features(obs)[:, 2].abs() < 1e-3).all()


def test_outliers_are_clipped_at_five_deviations(rng: torch.Generator) -> None:
    features, obs = VectorInput(range(4), 2), _obs(1000, rng)
    features.update_from(obs)
    obs["state"][0] = torch.tensor([1e6, -1e6, 0.0, 0.0])
    assert features(obs)[0, :2].tolist() == [5.0, -5.0]


def test_a_goal_that_never_differs_is_normalized_as_achieved_goals_are() -> None:
    """Else hindsight goals would be clipped: the standard deviation is at least 0.001."""
    rng = torch.Generator().manual_seed(0)
    obs = _obs(5_000, rng)
    obs["desired_goal"] = torch.tensor([[0.0, -0.25]]).expand(5_000, 2)
    fixed, usual = (VectorInput([0], 2, fixed_goal=fixed) for fixed in (True, False))
    for each in (fixed, usual):
        each.update_from(obs)
    goal = slice(1, 3)
    torch.testing.assert_close(
        fixed.mean[goal], obs["achieved_goal"].mean(dim=0), rtol=0, atol=1e-6
    )
    std = obs["achieved_goal"].std(dim=0, correction=0)
    torch.testing.assert_close(1 / fixed.scale[goal], std, rtol=1e-5, atol=0)
    assert usual.scale[goal].tolist() == pytest.approx([1000.0, 1000.0])
    assert torch.equal(fixed.mean[3:], usual.mean[3:])  # the offset keeps its own
    hindsight = {**obs, "desired_goal": obs["achieved_goal"]}
    assert float(fixed(hindsight)[:, goal].abs().median()) < 1.0
    assert float(usual(hindsight)[:, goal].abs().median()) == 5.0

"""Feature health on matrices whose answer is known."""

import numpy as np
import pytest

from puckrl.monitor.encoder import (
    competence_radius,
    constant_share,
    dormant_share,
    effective_rank,
    linear_probe_r2,
    saturated_share,
    softmax_spread,
)

RNG = np.random.default_rng(0)


def test_dormant_units_are_small_against_their_layer() -> None:
    h = np.ones((10, 4))
    h[:, 1], h[:, 2] = 0.0, 0.01
    # means 1, 0, 0.01, 1; their mean 0.5025, so tau * mean = 0.0126
    assert dormant_share(h) == 0.5
    assert dormant_share(100 * h) == 0.5
    assert dormant_share(np.zeros((3, 4))) == 1.0


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_effective_rank_of_a_product(rank: int) -> None:
    basis = np.linalg.qr(RNG.normal(size=(64, rank)))[0]
    other = np.linalg.qr(RNG.normal(size=(16, rank)))[0]
    assert effective_rank(basis @ other.T) == rank
    assert effective_rank(np.zeros((5, 5))) == 0
    # singular values 99.5 and 0.5: one holds 99 %
    assert effective_rank(np.diag([99.5, 0.5])) == 1
    assert effective_rank(np.diag([98.0, 2.0])) == 2


def test_shares_by_hand() -> None:
    x = np.array([[1.0, 0.5, 0.2], [-1.0, 0.5, 0.4]])
    assert saturated_share(x) == pytest.approx(2 / 6)
    assert constant_share(x) == pytest.approx(1 / 3)


def test_spread_of_a_point_and_of_nothing() -> None:
    point = np.zeros((1, 9, 9))
    point[0, 4, 2] = 1.0
    assert softmax_spread(point) == pytest.approx(0.0, abs=1e-9)
    fine = np.full((1, 401, 401), 1 / 401**2)
    assert softmax_spread(fine) == pytest.approx(np.sqrt(2 / 3), rel=0.01)
    pair = np.zeros((1, 3, 3))
    pair[0, 1, 0] = pair[0, 1, 2] = 0.5
    assert softmax_spread(pair) == pytest.approx(1.0)


def test_the_probe_finds_what_is_there_and_nothing_else() -> None:
    position = RNG.normal(size=(400, 2))
    seen = np.tanh(position @ RNG.normal(size=(2, 30)) * 0.1)
    blind = RNG.normal(size=(400, 30))
    assert linear_probe_r2(seen, position) > 0.98
    assert linear_probe_r2(blind, position) < 0.1
    assert linear_probe_r2(np.zeros((400, 3)), position) == pytest.approx(0.0, abs=0.05)
    assert np.isnan(linear_probe_r2(seen, np.ones((400, 2))))
    assert np.isnan(linear_probe_r2(seen[:6], position[:6]))


def test_episodes_are_not_split_by_the_probe() -> None:
    """Features that only name the episode explain nothing of another episode."""
    episode = np.repeat(np.arange(40), 10)
    position = RNG.normal(size=(40, 2))[episode]
    features = RNG.normal(size=(40, 20))[episode]
    assert linear_probe_r2(features, position) > 0.4  # rows apart: it cheats
    assert linear_probe_r2(features, position, episode.tolist()) < 0.1


def test_competence_radius_against_a_loop() -> None:
    for _ in range(20):
        distance = RNG.uniform(0, 0.3, 40)
        success = (RNG.uniform(0, 0.3, 40) > distance).astype(np.float64)
        best = 0.0
        for d in distance:
            near = distance <= d
            if near.sum() >= 8 and success[near].mean() >= 0.5:
                best = max(best, d)
        assert competence_radius(distance, success) == best
    assert competence_radius(np.arange(40.0), np.zeros(40)) == 0.0

"""Curve arithmetic against SciPy and by hand."""

import numpy as np
import pytest
from scipy import stats

from puckrl.monitor.curves import (
    binned,
    first_above,
    last_below,
    noise,
    smoothed,
    trend,
)
from puckrl.monitor.table import Curve

RNG = np.random.default_rng(0)


def curve(y: list[float]) -> Curve:
    return Curve(np.arange(len(y), dtype=np.float64), np.array(y))


@pytest.mark.parametrize("sigma", [0.01, 0.3])
def test_noise_is_the_deviation_and_ignores_the_trend(sigma: float) -> None:
    y = sigma * RNG.normal(size=4000)
    assert noise(y) == pytest.approx(sigma, rel=0.1)
    assert noise(y + np.linspace(0, 5 * sigma, 4000)) == pytest.approx(sigma, rel=0.1)
    assert noise(y[:2]) == 0.0


@pytest.mark.parametrize("slope", [-1.0, 0.0, 0.3])
def test_trend_is_theil_sen_and_mann_kendall(slope: float) -> None:
    x = np.sort(RNG.uniform(0, 10, 20))
    y = slope * x + np.round(RNG.normal(size=20), 1)  # rounded: ties count too
    way = trend(Curve(x, y), bins=20)
    assert way.change == pytest.approx(stats.theilslopes(y, x)[0] * (x[-1] - x[0]))
    # SciPy's tau-b p-value (asymptotic) has no continuity correction: undo ours
    n = len(x)
    tau = stats.kendalltau(x, y)[0]
    ties = np.unique(y, return_counts=True)[1]
    pairs = n * (n - 1) / 2
    score = tau * np.sqrt(pairs * (pairs - (ties * (ties - 1) / 2).sum()))
    variance = n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()
    z = (score - np.sign(score)) / np.sqrt(variance / 18)
    assert way.z == pytest.approx(z, abs=1e-9)


def test_short_and_constant_curves_have_no_trend() -> None:
    for y in ([1.0, 2.0, 3.0], [1.0] * 30):
        assert trend(curve(y)).z == 0.0
        assert not trend(curve(y)).rises


def test_bins_are_means_over_equal_stretches() -> None:
    points = Curve(np.array([0.0, 1, 2, 3, 10]), np.array([0.0, 2, 4, 6, 1]))
    two = binned(points, 2)
    assert two.x.tolist() == [1.5, 10.0]
    assert two.y.tolist() == [3.0, 1.0]
    assert binned(points, 5) is points


def test_smoothing_weights_by_hand() -> None:
    smooth = smoothed(curve([0.0, 3.0, 0.0]), 2.0)  # weights 1, 1/2
    assert smooth.y == pytest.approx([1.0, 1.5, 1.0])
    assert smoothed(curve([0.0, 3.0]), 1.0).y.tolist() == [0.0, 3.0]


def test_crossings_lie_between_the_points() -> None:
    steps = curve([0.0, 0.4, 0.0, 0.0, 0.4, 0.8])
    assert first_above(steps, 0.2, hold=1) == pytest.approx(0.5)
    assert first_above(steps, 0.2, hold=2) == pytest.approx(3.5)
    assert first_above(steps, 0.9, hold=1) is None
    assert last_below(steps, 0.2) == pytest.approx(3.5)
    assert last_below(curve([1.0, 2.0]), 0.5) == 0.0
    assert last_below(curve([1.0, 0.0]), 0.5) == 1.0

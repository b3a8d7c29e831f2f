"""Order of arrival, against scipy and by simulation."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from puckrl.statistics.ranks import (
    detectable_share,
    earlier,
    earlier_interval,
    midranks,
)


def test_earlier_is_mann_whitneys_u() -> None:
    base = np.array([3.0, 5.0, np.inf, 7.0, np.inf])
    arm = np.array([2.0, 5.0, 6.0, np.inf])
    u = stats.mannwhitneyu(base, arm).statistic  # pairs in which base is later
    assert earlier(base, arm) == pytest.approx(u / 20)
    assert earlier(base, arm) == pytest.approx((5 + 3.5 + 3 + 1) / 20)  # by hand


def test_ties_share_a_rank() -> None:
    assert midranks(np.array([2.0, np.inf, 2.0, np.inf, 1.0])).tolist() == [
        2.5, 4.5, 2.5, 4.5, 1.0,
    ]  # fmt: skip


def test_the_ends_solve_newcombes_equation() -> None:
    share, n = 0.8, 6

    def gap(theta: float) -> float:
        grown = 1 + (n - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        variance = theta * (1 - theta) * grown / n**2
        return (share - theta) ** 2 - 1.959964**2 * variance

    low, high = earlier_interval(share, n, n, 0.05)
    assert low == pytest.approx(brentq(gap, 1e-9, share), abs=1e-6)
    assert high == pytest.approx(brentq(gap, share, 1 - 1e-9), abs=1e-6)


def test_complete_separation_leaves_an_interval() -> None:
    low, high = earlier_interval(1.0, 5, 5, 0.05)
    assert high == 1.0
    assert 0.6 < low < 0.7
    assert earlier_interval(0.0, 5, 5, 0.05) == pytest.approx((0.0, 1 - low))
    assert earlier_interval(1.0, 3, 3, 0.05)[0] < 0.5  # two of 20 orders are 10 %


@pytest.mark.parametrize(("n", "shift"), [(5, 0.0), (5, 1.0), (10, 1.0)])
def test_the_interval_holds_the_truth(n: int, shift: float) -> None:
    rng, truth = np.random.default_rng(0), stats.norm.cdf(shift / np.sqrt(2))
    held = 0
    for _ in range(600):
        share = earlier(rng.standard_normal(n), rng.standard_normal(n) - shift)
        low, high = earlier_interval(share, n, n, 0.05)
        held += low <= truth <= high
    assert held / 600 > 0.93


def test_what_can_be_detected_is_detected_four_times_in_five() -> None:
    n = 20
    share = detectable_share(n, n, 0.05)
    shift = np.sqrt(2) * stats.norm.ppf(share)
    rng = np.random.default_rng(0)
    base, arm = rng.standard_normal((2, 1000, n))
    p = stats.mannwhitneyu(arm + shift, base, axis=1).pvalue
    assert (p <= 0.05).mean() == pytest.approx(0.8, abs=0.05)

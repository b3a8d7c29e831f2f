"""Permutation tests, against loops over every way of dealing runs."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from puckrl.statistics.permute import exchanges, p_value, separation, shift_interval
from tests.oracles import apart


def runs(n: int, seed: int, effect: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal(n), rng.standard_normal(n) + effect


@pytest.mark.parametrize("n", [2, 3, 5, 9])
def test_separation_is_the_slow_loop(n: int) -> None:
    for seed in range(20):
        base, arm = runs(n, seed)
        found = float(separation(base, arm))
        assert found == pytest.approx(apart(base.tolist(), arm.tolist()), rel=1e-9)


def test_separation_without_pairing_is_students_t() -> None:
    base, arm = runs(6, 3, 1.0)
    arm = arm - (arm - arm.mean()) @ (base - base.mean()) / (
        (base - base.mean()) @ (base - base.mean())
    ) * (base - base.mean())  # uncorrelated by construction
    error = np.sqrt((base.var(ddof=1) + arm.var(ddof=1)) / 6)
    t = (arm.mean() - base.mean()) / error  # equal sizes: Student's is Welch's
    assert float(separation(base, arm)) == pytest.approx(t**2 / (t**2 + 6))


def test_p_value_is_the_share_of_all_ways() -> None:
    base, arm = runs(4, 1, 1.2)
    whole = [*base.tolist(), *arm.tolist()]
    observed = apart(whole[:4], whole[4:])
    all_ways = [apart(list(w[:4]), list(w[4:])) for w in permutations(whole)]
    share = sum(x >= observed - 1e-9 for x in all_ways) / len(all_ways)
    assert float(p_value(base, arm)) == pytest.approx(share, abs=1e-12)


def test_drawn_ways_come_close_to_fishers_exact_test() -> None:
    base, arm = np.array([0.0] * 8), np.array([1.0] * 5 + [0.0] * 3)
    exact = float(stats.fisher_exact([[0, 8], [5, 3]])[1])  # pyright: ignore[reportArgumentType]
    assert float(p_value(base, arm)) == pytest.approx(exact, abs=0.008)


def test_equal_arms_have_p_one() -> None:
    same = np.full(5, 0.3)
    assert float(p_value(same, same)) == 1.0


def test_an_interval_holds_what_the_test_does_not_reject() -> None:
    base, arm = runs(5, 2, 2.0)
    low, high = shift_interval(base, arm, 0.05)
    width = high - low
    for inside in (low + 0.01 * width, high - 0.01 * width):
        assert float(p_value(base, arm - inside)) > 0.05
    for outside in (low - 0.01 * width, high + 0.01 * width):
        assert float(p_value(base, arm - outside)) <= 0.05
    student = stats.ttest_ind(arm, base).confidence_interval(0.95)
    assert width == pytest.approx(student.high - student.low, rel=0.25)


def test_an_interval_moves_and_scales_with_the_runs() -> None:
    base, arm = runs(5, 7, 1.0)
    low, high = shift_interval(base, arm, 0.05)
    ends = shift_interval(10 * base, 10 * arm + 3, 0.05)
    assert ends == pytest.approx((10 * low + 3, 10 * high + 3), rel=1e-3, abs=1e-3)


def test_three_pairs_may_have_no_end() -> None:
    low, high = shift_interval(np.zeros(3), np.array([1.0, 1.0, 2.0]), 0.01)
    assert (low, high) == (-np.inf, np.inf)


def test_exchanges_stay_in_their_block_and_do_not_change_with_later_ones() -> None:
    ways = exchanges((4, 6), 50)
    assert sorted(ways[1:, :4].ravel().tolist()) != sorted([0, 1, 2, 3] * 50)
    first = ways[:, [0, 1, 2, 3, 6, 7, 8, 9]]
    assert all(sorted(way) == [0, 1, 2, 3, 6, 7, 8, 9] for way in first.tolist())
    assert ways[0].tolist() == list(range(12))
    longer = exchanges((4, 6, 7), 50)[:, [0, 1, 2, 3, 7, 8, 9, 10]]
    assert np.array_equal(np.where(longer > 5, longer - 7, longer), np.where(
        first > 5, first - 6, first))  # fmt: skip

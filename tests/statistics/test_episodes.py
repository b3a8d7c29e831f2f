"""Two policies on the same episodes: hand-worked intervals."""

import numpy as np
import pytest

from puckrl.statistics.episodes import compare_episodes


def test_equal_outcomes_agree_exactly() -> None:
    won = np.array([1.0, 0.0, 1.0, 1.0])
    found = compare_episodes(won, won, "success")
    assert (found.differ, found.low, found.high, found.agree) == (0, 0.0, 0.0, True)
    assert (found.success, found.won, found.episodes) == (0.75, 3, 4)


def test_one_direction_is_told_from_chance() -> None:
    """Clopper and Pearson, 0 of 6: the share is at most 1 - 0.025^(1/6) = 0.4593."""
    first, second = np.zeros(100), np.zeros(100)
    second[:6] = 1.0
    found = compare_episodes(first, second, "success")
    assert found.high == pytest.approx((2 * 0.459258 - 1) * 0.06, abs=1e-6)
    assert found.low == pytest.approx(-0.06)
    assert not found.agree
    second[5] = 0.0  # 0 of 5: at most 1 - 0.025^(1/5) = 0.5218
    assert compare_episodes(first, second, "success").agree


def test_returns_are_compared_by_their_mean() -> None:
    """Student, n = 4: differences 1, 2, 3, 2, mean 2, error 0.408, t = 3.182."""
    second = np.zeros(4)
    found = compare_episodes(np.array([1.0, 2.0, 3.0, 2.0]), second, "return")
    assert found.low == pytest.approx(2 - 3.182446 * 0.408248, abs=1e-5)
    assert not found.agree
    assert compare_episodes(second, second, "return").agree

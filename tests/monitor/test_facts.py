"""Values that rewards and discounts allow."""

import pytest

from puckrl.monitor.facts import RunFacts


def test_uniform_failure_is_the_discounted_sum() -> None:
    by_hand = -sum(0.95**t for t in range(50))
    facts = RunFacts(gamma=0.95, horizon=50)
    assert facts.failure_value() == pytest.approx(by_hand)
    assert facts.failure_value() == pytest.approx(-18.46, abs=0.01)
    assert RunFacts(gamma=1.0, horizon=50).failure_value() == -50.0


def test_the_unknown_stays_unknown() -> None:
    assert RunFacts(gamma=0.95).failure_value() is None
    assert RunFacts(gamma=0.95, horizon=50, sparse=False).failure_value() is None
    assert RunFacts(gamma=0.95).value_bounds() is None
    low, high = RunFacts(gamma=0.95, sparse=True).value_bounds() or (0, 1)
    assert (low, high) == (pytest.approx(-20.0), 0.0)


def test_a_reward_of_zero_and_one_has_other_values() -> None:
    """A task of a user's own: 1 at the goal, 0 elsewhere."""
    facts = RunFacts(gamma=0.9, horizon=50, sparse=True, reward_bounds=(0.0, 1.0))
    assert facts.value_bounds() == pytest.approx((0.0, 10.0))
    assert facts.failure_value() == 0.0
    costly = RunFacts(gamma=0.9, horizon=2, sparse=True, reward_bounds=(-2.0, 5.0))
    assert costly.failure_value() == pytest.approx(-2.0 - 0.9 * 2.0)

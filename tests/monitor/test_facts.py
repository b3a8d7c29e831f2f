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

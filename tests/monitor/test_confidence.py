"""How sure a verdict is: against the formula, from margins that are known by hand."""

import math
from dataclasses import replace

import pytest

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.success import SuccessCurve
from puckrl.monitor.success_curve import success_curve
from puckrl.monitor.table import RunTable, from_rows
from puckrl.monitor.verdict import Phase
from tests.monitor.lives import PUSH

UNKNOWN_UPDATES = replace(PUSH, update_ratio=None)


def evaluated(success: list[float], episodes: float = 10.0) -> RunTable:
    """Evaluations every 1000 env steps, without any other number."""
    return from_rows(
        {"env_steps": 1e3 * i, "eval/success": y, "eval/episodes": episodes}
        for i, y in enumerate(success, start=1)
    )


def curve_of(table: RunTable, facts: RunFacts) -> SuccessCurve:
    found = success_curve(table, facts)
    assert found is not None
    return found


def formula(margin: float, points: int) -> float:
    return (1.0 - 0.5 * math.exp(-margin / 2.0)) * (1.0 - 1.0 / points)


@pytest.mark.parametrize("points", [4, 5, 8])
def test_flat_success_is_four_widths_of_noise_from_the_take_off(points: int) -> None:
    """Of 10 episodes each: the border is then the noise's and not 15 % of the way."""
    table = evaluated([0.05] * points)
    curve = curve_of(table, PUSH)
    assert curve.left_level == pytest.approx(0.05 + 4 * curve.sigma_smooth)
    verdict = diagnose(table, PUSH)
    assert verdict.phase == "flat"
    assert verdict.confidence == pytest.approx(formula(4.0, points))


def test_more_episodes_make_it_surer() -> None:
    """Of 60 episodes each: the border is at 15 % of the way to 1, not at the noise."""
    table = evaluated([0.05] * 4, episodes=60.0)
    sigma = curve_of(table, PUSH).sigma_smooth
    assert 4 * sigma < 0.1425
    margin = 0.1425 / sigma
    assert diagnose(table, PUSH).confidence == pytest.approx(formula(margin, 4))


def test_above_the_take_off_half_way_to_success_is_the_border() -> None:
    """A plateau at 0.6 is close to it, 0.55; one at 0.9 is far from it."""
    table = evaluated([0.05] * 5 + [0.6] * 10, episodes=100.0)
    curve, verdict = curve_of(table, PUSH), diagnose(table, PUSH)
    assert verdict.phase == "converging"
    margin = abs(curve.now - 0.55) / curve.sigma_smooth
    assert 2.0 < margin < 5.0
    assert verdict.confidence == pytest.approx(0.8 * formula(margin, 15))
    # Whether the last climb is over is less sure than that there was one.
    far = evaluated([0.05] * 5 + [0.9] * 10, episodes=100.0)
    assert diagnose(far, PUSH).confidence == pytest.approx(1 - 1 / 15, abs=1e-3)


def test_a_warm_up_is_sure_by_its_updates() -> None:
    rows = [{"env_steps": 1e3 * i, "updates": 0, "train/success": 0.05} for i in (1, 2)]
    verdict = diagnose(from_rows(rows), PUSH)
    assert verdict.phase == "warm-up"
    assert verdict.confidence == pytest.approx(formula(8.0, 2))


def test_without_updates_it_is_a_tenth_less_sure() -> None:
    table = evaluated([0.05] * 4)
    confidence = diagnose(table, UNKNOWN_UPDATES).confidence
    assert confidence == pytest.approx(0.9 * formula(4.0, 4))


@pytest.mark.parametrize(
    ("facts", "factor"),
    [(PUSH, 1.0), (RunFacts(update_ratio=0.25), 0.85), (RunFacts(), 0.85 * 0.9)],
    ids=["scale by the horizon", "the run's own scale", "and no updates"],
)
def test_returns_without_a_known_scale_make_it_less_sure(
    facts: RunFacts, factor: float
) -> None:
    table = from_rows({"env_steps": 1e3 * i, "eval/return": -50.0} for i in range(1, 9))
    curve, verdict = curve_of(table, facts), diagnose(table, facts)
    assert verdict.phase == "flat"
    margin = (curve.left_level - curve.now) / curve.sigma_smooth
    assert verdict.confidence == pytest.approx(factor * formula(margin, 8))


@pytest.mark.parametrize(
    ("success", "phase"), [(0.05, "flat"), (0.98, "converged")], ids=["flat", "done"]
)
def test_it_is_never_quite_sure(success: float, phase: Phase) -> None:
    table = evaluated([0.05] * 100 + [success] * 100, episodes=1000.0)
    verdict = diagnose(table, PUSH)
    assert verdict.phase == phase
    assert verdict.confidence == 0.99


def test_in_a_take_off_the_border_is_still_the_floors() -> None:
    table = evaluated([0.05] * 8 + [0.25, 0.3], episodes=60.0)
    curve, verdict = curve_of(table, PUSH), diagnose(table, PUSH)
    assert verdict.phase == "take-off"
    margin = (curve.now - curve.left_level) / curve.sigma_smooth
    assert 1.0 < margin < 6.0
    assert verdict.confidence == pytest.approx(formula(margin, 10))

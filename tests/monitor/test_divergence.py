"""Values that run away, in every phase and on every scale of reward."""

import math

import numpy as np
import pytest

from puckrl.monitor.curves import trend
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.stopping import stop_rule
from puckrl.monitor.table import Curve, RunTable, from_rows
from puckrl.monitor.verdict import Verdict

X = np.linspace(0.02, 1, 50)


def judge(**columns: np.ndarray) -> Verdict:
    named = {name.replace("__", "/"): column for name, column in columns.items()}
    return diagnose(RunTable({"env_steps": 1e5 * X, **named}), RunFacts())


def solved(level: float = 0.97) -> np.ndarray:
    return level / (1 + np.exp(-(X - 0.3) / 0.04))


@pytest.mark.parametrize("level", [0.02, 0.3, 0.97])
def test_returns_never_above_0_allow_no_value_above_0(level: float) -> None:
    """Whatever γ is, and whether success is flat, half-way or done."""
    won = solved(level)
    verdict = judge(
        train__success=won,
        train__return=-50 + 40 * won,
        train__actor_loss=1 - 110 * X**2,
        train__critic_loss=0.05 * 1000**X,
    )
    assert verdict.findings[0].name == "divergence"
    assert verdict.color == "red"
    assert "0" in verdict.findings[0].numbers[0].note
    assert all(f.color != "green" for f in verdict.findings)


def test_slowly_is_yellow_and_stops_nothing() -> None:
    flat = np.full(50, 0.02)
    verdict = judge(
        train__success=flat, train__return=-49.0 - X, train__actor_loss=-25 * X
    )
    found = verdict.finding("divergence")
    assert found is not None
    assert found.color == "yellow"
    assert "slowly" in found.reason
    assert stop_rule(verdict, RunFacts(), "auto") is None


@pytest.mark.parametrize(("alpha", "ill"), [(0.3, False), (0.0, True)])
def test_entropy_may_lift_values_above_0(alpha: float, ill: bool) -> None:
    """At most α · 4 · ln 2 / (1 - 0.99) = 83 where α is 0.3."""
    verdict = judge(
        train__success=np.full(50, 0.02),
        train__return=-49.0 - X,
        train__actor_loss=-60 * X,
        train__alpha=np.full(50, alpha),
    )
    assert (verdict.finding("divergence") is not None) == ill


@pytest.mark.parametrize(("bonus", "ill"), [(60.0, False), (0.0, True)])
def test_a_bonus_at_the_goal_allows_values_above_0(bonus: float, ill: bool) -> None:
    """Returns below 0 so far that would be above it at full success, and such that never are."""
    won = solved(0.4)
    verdict = judge(
        train__success=won,
        train__return=-40 + (40 + bonus) * won if bonus else -40 + 30 * won,
        train__q_mean=45 * X,
        train__critic_loss=np.full(50, 0.3),
    )
    assert (verdict.finding("divergence") is not None) == ill


def test_values_that_grow_with_positive_returns_are_healthy() -> None:
    returns = 3000 * solved(1.0)
    verdict = judge(
        train__return=returns,
        train__q_mean=0.3 * returns,
        train__critic_loss=0.1 + (0.02 * returns) ** 2,
    )
    assert verdict.finding("divergence") is None


def test_a_loss_that_no_values_in_range_can_make() -> None:
    verdict = judge(
        train__success=np.full(50, 0.02),
        train__return=-49.0 - X,
        train__critic_loss=np.full(50, 1e9),
    )
    found = verdict.finding("divergence")
    assert found is not None
    assert "can make" in found.reason


@pytest.mark.parametrize(
    ("factor", "color"), [(50, None), (200, "yellow"), (1e6, "red")]
)
def test_a_loss_a_hundredfold_up_is_never_a_good_sign(
    factor: float, color: str | None
) -> None:
    """While success stands at 0.97: yellow until nothing can outlast it."""
    loss = np.where(X < 0.5, 0.5, 0.5 * factor)
    found = judge(train__success=solved(), train__critic_loss=loss).finding(
        "divergence"
    )
    assert (found and found.color) == color


def rows(loss: list[float], won: np.ndarray, updates: float = 1.0) -> Verdict:
    return diagnose(
        from_rows(
            {
                "env_steps": 1e3 * (i + 1),
                "updates": updates * i,
                "train/success": float(won[i]),
                "train/critic_loss": loss[i],
            }
            for i in range(50)
        ),
        RunFacts(),
    )


@pytest.mark.parametrize("bad", [[0, 1, 2, 3], [30]], ids=["before learning", "once"])
def test_numbers_that_are_finite_again_are_a_note(bad: list[int]) -> None:
    loss = [math.inf if i in bad else 0.2 for i in range(50)]
    verdict = rows(loss, solved())
    assert verdict.phase == "converged"
    assert verdict.finding("divergence") is None
    note = verdict.finding("not finite")
    assert note is not None
    assert note.numbers[0].value == len(bad)
    assert verdict.findings[-1] is note
    assert "not finite" not in verdict.label
    assert verdict.advice != note.advice


def test_numbers_that_stay_lost_are_a_divergence() -> None:
    verdict = rows([0.2] * 40 + [math.nan] * 10, solved())
    assert verdict.findings[0].name == "divergence"
    assert verdict.color == "red"


def test_one_lost_number_at_the_very_end_is_not_yet_certain() -> None:
    found = rows([0.2] * 49 + [math.nan], solved()).finding("divergence")
    assert found is not None
    assert found.color == "yellow"


def test_numbers_lost_when_success_was() -> None:
    won = np.where(X < 0.6, solved(), 0.0)
    loss = [math.nan if 29 <= i < 34 else 0.2 for i in range(50)]
    found = rows(loss, won).finding("divergence")
    assert found is not None
    assert "when success was lost" in found.reason


def test_values_that_come_back_are_left_in_peace() -> None:
    q = 30 * np.exp(-2 * X) - 20
    assert trend(Curve(X, q)).falls
    verdict = judge(
        train__success=np.full(50, 0.02), train__return=-49.0 - X, train__q_mean=q + 25
    )
    assert verdict.finding("divergence") is None


@pytest.mark.parametrize(
    ("top", "stands", "found"),
    [(240.0, True, True), (40.0, True, False), (240.0, False, False)],
)
def test_q_that_grows_where_no_reward_is_known(
    top: float, stands: bool, found: bool
) -> None:
    """A reward of 1 a step adds up to 100; success that rises with Q explains it."""
    x = np.arange(1, 51) / 50
    table = RunTable(
        {
            "env_steps": 1e5 * x,
            "eval/success": np.where(stands, 0.3 + 0.0 * x, 0.9 * x),
            "train/q_mean": -2 + top * x**2,
        }
    )
    verdict = diagnose(table, RunFacts())
    finding = verdict.finding("divergence")
    assert (finding is not None) == found
    if finding is not None:
        assert finding.color == "yellow"
        assert "--fact reward_bounds=LOW,HIGH" in finding.advice

"""What findings about the log itself, and facts that it lacks, do to a verdict."""

from dataclasses import replace

import numpy as np
import pytest

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import RunTable, from_rows
from puckrl.monitor.verdict import Finding, FindingName
from tests.monitor.lives import PUSH, life

X = np.linspace(0.02, 1, 50)
RETURNS = RunTable(
    {"env_steps": 1e5 * X, "eval/return": 30 / (1 + np.exp(-(X - 0.3) / 0.04))}
)
SOLVED = life([0.05, 0.5, 0.97, 0.97, 0.97, 0.97, 0.97])


def said(name: FindingName) -> tuple[Finding, ...]:
    return (Finding(name, "yellow", "the reader's reason", "the reader's advice"),)


def test_no_verdict_from_returns_beside_a_success_that_was_left_out() -> None:
    verdict = diagnose(RETURNS, RunFacts(), said("unread success"))
    assert (verdict.phase, verdict.advice) == ("unknown", "the reader's advice")
    assert verdict.findings[0].name == "unread success"
    known = diagnose(SOLVED, PUSH, said("unread success"))
    assert known.phase == "converged"


def test_several_runs_are_never_one() -> None:
    verdict = diagnose(SOLVED, PUSH, said("several runs"))
    assert (verdict.phase, verdict.label) == ("unknown", "unknown: several runs")


def test_an_unknown_clock_carries_no_claims_of_updates() -> None:
    still = life([0.05, 0.05], {"train/critic_loss": [0.3, 0.1]}, end=1e8)
    assert diagnose(still, PUSH).finding("dead flat") is not None
    verdict = diagnose(still, PUSH, said("unknown clock"))
    assert verdict.phase == "flat"
    assert verdict.finding("dead flat") is None
    assert verdict.finding("no update clock") is None
    assert "updates" not in verdict.changes_if


@pytest.mark.parametrize(
    ("facts", "spent"),
    [
        (RunFacts(), 4e6),
        (RunFacts(producer="x", assumed_update_ratio=0.5), 2e6),
        (RunFacts(producer="x", assumed_update_ratio=0.1), 4e5),
    ],
    ids=["the usual one per env step", "the producer's", "patience left"],
)
def test_patience_ends_without_an_update_clock(facts: RunFacts, spent: float) -> None:
    table = RunTable({"env_steps": 4e6 * X, "eval/success": np.full(50, 0.01)})
    verdict = diagnose(table, facts)
    asked = verdict.finding("no update clock")
    assert asked is not None
    assert "--fact update_ratio=" in asked.advice
    assert asked.numbers[0].value == pytest.approx(spent)
    dead = verdict.finding("dead flat")
    assert (dead is not None) == (spent > 1.8e6)
    assert verdict.color == "yellow"
    assert (
        diagnose(table, replace(facts, update_ratio=1.0)).finding("no update clock")
        is None
    )


@pytest.mark.parametrize(("after", "color"), [(0.05, "red"), (0.96, None)])
def test_a_resume_says_what_it_lost(after: float, color: str | None) -> None:
    won = np.where(X > 0.5, after, 0.97 / (1 + np.exp(-(X - 0.2) / 0.02)))
    table = RunTable({"env_steps": 2e5 * X, "eval/success": won}, resumed_at=(1.02e5,))
    found = diagnose(table, RunFacts()).finding("forgetting")
    assert (found and found.color) == color
    if found is not None:
        assert "0.97 -> 0.05" in found.reason
        assert "102,000" in found.reason
        assert "replay" in found.reason


def test_success_that_is_never_a_number_says_so() -> None:
    rows = [{"env_steps": 1e3 * i, "eval/success": float("nan")} for i in range(1, 9)]
    verdict = diagnose(from_rows(rows), RunFacts())
    assert "eval/success is NaN or infinite in all of its 8 rows" in verdict.changes_if


def test_sparse_returns_bound_success() -> None:
    """-20 of 50 steps: 30 saved on average, so that success is 0.6 to 1."""
    returns = -50 + 30 / (1 + np.exp(-(X - 0.3) / 0.03))
    table = RunTable({"env_steps": 1e5 * X, "train/return": returns})
    verdict = diagnose(table, RunFacts(sparse=True, horizon=50, update_ratio=1.0))
    found = verdict.finding("unknown success")
    assert verdict.phase == "unknown"
    assert found is not None
    assert "between 0.60 and 1.00" in found.reason
    assert verdict.numbers[0].value == pytest.approx(-20, abs=0.5)

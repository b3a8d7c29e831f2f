"""Test the chance of a take-off: its formula, what it needs, and what it is worth."""

import json
from pathlib import Path

import numpy as np
import pytest
import takeoffs

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.prognosis import FEATURES, Model, Prognosis, model, prognosis
from puckrl.monitor.table import RunTable, from_rows
from puckrl.report.tables import read_table

FACTS = RunFacts(sparse=True, gamma=0.95, horizon=50)


def flat_run(growth: float, evaluations: int = 8) -> RunTable:
    """Return a run at its floor whose moving share grows by a factor per evaluation."""
    return from_rows(
        {
            "env_steps": 4_000.0 * (i + 1),
            "updates": 400.0 * (i + 1),
            "eval/success": 0.06,
            "replay/recent_moving_share": min(0.9, 0.1 * growth**i),
            "replay/displacement_m": 0.005 * growth**i,
        }
        for i in range(evaluations)
    )


def test_chance_follows_the_formula():
    made = Prognosis(updates=1_000, hazard=1.0, hazard_low=0.5, hazard_high=2.0)
    # one minus a quarter to the power of h
    assert made.chance(4_000) == pytest.approx((0.75, 0.5, 0.9375))
    assert made.chance(1_000) == (0.0, 0.0, 0.0)
    assert made.chance(10) == (0.0, 0.0, 0.0), "the past holds no chance"


def test_an_unlogged_signal_counts_as_its_mean_and_one_far_out_is_limited():
    count = len(FEATURES)
    weights = np.zeros(1 + count)
    weights[:2] = (0.5, 0.1)
    made = Model(
        np.full(count, 2.0), np.full(count, 4.0), weights, np.zeros((1 + count,) * 2)
    )
    rows = np.full((3, count), 2.0)
    rows[1, 0], rows[2, 0] = np.nan, 1e6
    hazards = [made.prognosis(row, 1.0).hazard for row in rows]
    assert np.log(hazards) == pytest.approx([0.5, 0.5, 0.5 + 0.1 * 3.0])


def test_a_moving_object_raises_the_chance():
    still, moving = (prognosis(flat_run(g), FACTS) for g in (1.0, 1.3))
    assert still is not None
    assert moving is not None
    low, high = (x.chance(2 * x.updates) for x in (still, moving))
    assert high[0] > 2 * low[0]
    assert low[1] <= low[0] <= low[2]


@pytest.mark.parametrize("lacking", ["updates", "replay/recent_moving_share"])
def test_no_guess_without_the_signals(lacking: str):
    whole = flat_run(1.2)
    table = RunTable({k: v for k, v in whole.columns.items() if k != lacking})
    assert prognosis(table, FACTS) is None
    assert prognosis(flat_run(1.2, evaluations=2), FACTS) is None


def test_it_beats_the_base_rate_on_families_that_it_has_not_seen():
    rows = read_table(takeoffs.RESULTS)
    held_out = [row for row in rows if row["split"] == "held-out"]
    develop = [row for row in rows if row["split"] == "develop"]
    base = sum(int(row["took_off"]) for row in develop) / len(develop)
    assert takeoffs.brier(held_out) < 0.8 * takeoffs.brier(held_out, base)
    for chance, share, count, _ in takeoffs.reliability(held_out):
        spread = np.sqrt(chance * (1 - chance) / count)
        assert abs(chance - share) < 0.2 + 2 * spread


def test_the_table_is_that_of_the_stored_weights():
    """Score a few moments anew: the committed table belongs to the committed weights."""
    some = [run for i, run in enumerate(takeoffs.runs()) if i % 25 == 0]
    data = takeoffs.moments(some)
    again = takeoffs.scored(data, model())
    known = {
        (row["family"], row["updates"], row["chance"])
        for row in read_table(takeoffs.RESULTS)
    }
    assert len(again) > 30
    wrong = [
        row
        for row in again
        if not any(
            (row["family"], str(row["updates"]), str(round(row["chance"] + d, 3)))
            in known
            for d in (-0.001, 0.0, 0.001)
        )
    ]
    assert not wrong


@pytest.mark.slow
def test_the_stored_weights_are_those_of_the_fit():
    data = takeoffs.moments(takeoffs.runs())
    again = takeoffs.fitted(data.where(~data.held_out))
    stored = json.loads(Path(takeoffs.WEIGHTS).read_text())
    np.testing.assert_allclose(again.weights, stored["weights"], atol=2e-3)

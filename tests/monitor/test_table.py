"""Rows as columns: gaps, order, NaN."""

import math

from puckrl.monitor.table import from_rows


def test_gaps_are_nan_rows_are_ordered_and_bad_numbers_counted() -> None:
    table = from_rows(
        [
            {"env_steps": 20, "a": 2.0},
            {"env_steps": 10, "b": 1.0, "a": math.nan},
            {"b": 9.0},
            {"env_steps": 30, "a": math.inf, "b": 3.0},
        ]
    )
    assert table.columns["env_steps"].tolist() == [10, 20, 30]
    assert table.curve("a").y.tolist() == [2.0]
    assert table.curve("b").x.tolist() == [10, 30]
    assert table.not_finite == {"a": 2}
    assert table.at("b", 20) == 2.0
    assert table.end == 30
    assert table.upto(20).end == 20
    assert len(table.curve("never")) == 0
    assert math.isnan(table.at("never", 5))


def test_a_curve_over_another_clock() -> None:
    table = from_rows(
        [{"env_steps": 10, "updates": 5, "a": 1}, {"env_steps": 20, "a": 2}]
    )
    assert table.curve("a", over="updates").x.tolist() == [5]
    assert "a" in table
    assert from_rows([]).end == 0.0


def test_of_several_rows_at_one_moment_the_last_counts() -> None:
    rows = [
        {"env_steps": x, "a": y} for x, y in ((1, 5.0), (2, 6.0), (2, 7.0), (3, 8.0))
    ]
    curve = from_rows(rows).curve("a")
    assert curve.x.tolist() == [1, 2, 3]
    assert curve.y.tolist() == [5, 7, 8]

"""What one run is worth to a study, against values worked by hand."""

import math

import pytest

from puckrl.core.errors import UserError
from puckrl.statistics.measure import parse_measure
from puckrl.training.sinks import LogRow

# env steps, updates, wall seconds, success
CURVE = ((100, 10, 5.0, 0.0), (200, 20, 9.0, 0.5), (400, 40, 20.0, 1.0))
ROWS: list[LogRow] = [
    {"env_steps": s, "updates": u, "wall_s": w, "eval/success": success}
    for s, u, w, success in CURVE
]


@pytest.mark.parametrize(
    ("measure", "budget", "value", "censored"),
    [
        ("final_success", math.inf, 0.93, False),
        ("success_at(env_steps=150)", math.inf, 0.25, False),
        ("success_at(env_steps=50)", math.inf, 0.0, False),
        ("success_at(updates=30)", math.inf, 0.75, False),
        # trapezoids: 0, 25 and 150 of 400
        ("area_under(env_steps)", math.inf, 175 / 400, False),
        # and then 1 for 100 steps more
        ("area_under(env_steps)", 500, 275 / 500, False),
        ("area_under(env_steps)", 200, 25 / 200, False),
        ("time_to(0.5, clock=total_s, censored=rank)", math.inf, 9.0, False),
        ("time_to(0.6, clock=env_steps, censored=rank)", 500, 400, False),
        ("time_to(0.6, clock=env_steps, censored=rank)", 300, 300, True),
        ("time_to(1, clock=updates, censored=restricted)", math.inf, 40, False),
    ],
)
def test_values(measure: str, budget: float, value: float, censored: bool) -> None:
    assert parse_measure(measure).of(ROWS, 0.93, budget) == (
        pytest.approx(value),
        censored,
    )


def test_a_log_that_times_the_whole_command_is_measured_by_it() -> None:
    measure = parse_measure("time_to(0.5, clock=total_s, censored=rank)")
    whole: list[LogRow] = [{**row, "total_s": row["wall_s"] + 30.0} for row in ROWS]
    assert measure.of(whole, None, math.inf) == (39.0, False)
    # resumed from a run of an earlier version: no row may be left out
    assert measure.of([ROWS[0], *whole[1:]], None, math.inf) == (9.0, False)


def test_a_run_below_the_threshold_is_censored_at_its_end() -> None:
    measure = parse_measure("time_to(0.9, clock=env_steps, censored=restricted)")
    assert measure.of(ROWS[:2], None, math.inf) == (200, True)


@pytest.mark.parametrize(
    ("measure", "rows", "line"),
    [
        ("final_success", ROWS, "no final evaluation"),
        ("success_at(env_steps=500)", ROWS, "ended at 400, before 500"),
        ("area_under(train_s)", ROWS, "no evaluation with train_s"),
        ("area_under(updates)", [], "no evaluation"),
    ],
)
def test_a_run_without_the_measure_says_why(
    measure: str, rows: list[LogRow], line: str
) -> None:
    with pytest.raises(UserError, match=line):
        parse_measure(measure).of(rows, None, math.inf)


@pytest.mark.parametrize(
    "text",
    [
        "final_success",
        "success_at(env_steps=200000)",
        "area_under(updates)",
        "time_to(0.95, clock=total_s)",
        "time_to(0.95, clock=total_s, censored=rank)",
    ],
)
def test_it_is_written_as_it_is_read(text: str) -> None:
    measure = parse_measure(text)
    assert str(measure) == text
    assert measure.smaller_is_better == text.startswith("time_to")
    assert measure.in_seconds == ("total_s" in text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "time_to(2, clock=updates)",
        "time_to(0.9, clock=hours)",
        "time_to(0.9, clock=updates, censored=mean)",
        "time_to(0.9, clock=updates, patience=3)",
        "success_at(0.5)",
        "success_at(env_steps=-1)",
        "area_under()",
        "final_success(3)",
    ],
)
def test_what_is_no_measure_is_told_the_legal_ones(text: str) -> None:
    with pytest.raises(UserError, match=r"is not a measure; legal: final_success"):
        parse_measure(text)

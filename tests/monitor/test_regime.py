"""Phases and verdicts on the lessons' table and on lives drawn by hand."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.corpus import load, read_labels
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.stopping import stop_rule
from puckrl.monitor.table import RunTable, from_rows
from puckrl.monitor.verdict import Phase, Verdict
from tests.monitor.lives import LESSON, PUSH, lesson, life

CURVES = Path(__file__).parents[1] / "curves"


def starts(verdict: Verdict) -> dict[Phase, float]:
    return {span.phase: span.env_steps[0] for span in reversed(verdict.spans)}


def test_the_lessons_table() -> None:
    verdict = diagnose(lesson(), LESSON)
    begins = starts(verdict)
    tolerance = 0.1 * 2.2e6
    assert begins["take-off"] == pytest.approx(2.2e6, abs=tolerance)
    assert begins["converging"] == pytest.approx(3.5e6, abs=tolerance)
    assert begins["converged"] == pytest.approx(3.5e6, abs=tolerance)
    assert verdict.phase == "converged"
    assert verdict.color in ("green", "yellow")
    assert verdict.spans[1].updates[0] == pytest.approx(0.25 * begins["take-off"])


@pytest.mark.parametrize("aborted_at", [1.0e6, 1.54e6, 2.0e6])
def test_the_lessons_aborts_were_wrong(aborted_at: float) -> None:
    table = lesson().upto(aborted_at)
    verdict = diagnose(table, LESSON)
    assert verdict.phase == "flat"
    assert verdict.finding("dead flat") is None
    assert not verdict.sick
    assert stop_rule(verdict, LESSON, "auto") is None
    # falling loss, flat success: said, though not acted on
    assert verdict.finding("memorizing failure") is not None


@pytest.mark.parametrize(
    ("at", "phase"),
    [(2.5e6, "take-off"), (3.0e6, "take-off"), (4.2e6, "converged")],
)
def test_the_lessons_run_as_it_goes_on(at: float, phase: Phase) -> None:
    assert diagnose(lesson().upto(at), LESSON).phase == phase


def test_a_rising_loss_is_green_in_the_take_off() -> None:
    verdict = diagnose(lesson().upto(2.6e6), LESSON)
    assert verdict.color == "green"
    assert any(n.name == "critic loss" and n.note == "rises" for n in verdict.numbers)


@pytest.mark.parametrize("seed", range(5))
def test_measured_push_runs(seed: int) -> None:
    """Five seeds as they were when the rules were written; the table is measured anew."""
    label = next(x for x in read_labels(CURVES) if x.name == f"push-table-s{seed}")
    rows = load(CURVES, label)
    curve = [(row["env_steps"], row["eval/success"]) for row in rows]
    table = from_rows(rows)

    def reached(success: float) -> float:
        return next(at for at, rate in curve if rate >= success)

    begins = starts(diagnose(table, PUSH))
    on_the_floor = max(at for at, rate in curve if rate < 0.1)
    assert on_the_floor - 10_000 <= begins["take-off"] <= reached(0.2)
    assert reached(0.9) <= begins["converging"] <= reached(0.97)
    assert diagnose(table, PUSH).phase == "converged"


def test_exploring_worlds_that_fail_do_not_stall_a_run_that_is_judged_well() -> None:
    """The lessons' setting on a GPU: 0.78 in play, 0.98 in the last evaluation."""
    label = next(
        x for x in read_labels(CURVES) if x.family == "push-pixels-lessons-gpu"
    )
    table = from_rows(load(CURVES, label))
    assert table.curve("train/success").y[-20:].max() < 0.8
    verdict = diagnose(table, label.run_facts())
    assert verdict.finding("stalled") is None
    assert verdict.color == "green"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("slide-gpu-2a1e987c-s1", {"success": 0.945}),
        ("pick-place-pixels-gpu-1b5f6ad6-s2", {"success": 0.997}),
    ],
    ids=["beside noisy play", "alone"],
)
def test_it_says_which_success_it_goes_by(name: str, told: dict[str, float]) -> None:
    label = next(x for x in read_labels(CURVES) if x.name == name)
    verdict = diagnose(from_rows(load(CURVES, label)), label.run_facts())
    numbers = {n.name: n.value for n in verdict.numbers if n.name.endswith("success")}
    assert numbers == pytest.approx(told, abs=0.01)
    assert verdict.success == numbers["success"]


def test_three_evaluations_are_told_beside_the_training_that_it_goes_by() -> None:
    rows = [
        {"env_steps": 1e3 * i, "updates": 250.0 * i, "train/success": min(0.6, i / 50)}
        | ({"eval/success": 0.9} if i in (60, 80, 100) else {})
        for i in range(1, 101)
    ]
    verdict = diagnose(from_rows(rows), PUSH)
    numbers = {n.name: n.value for n in verdict.numbers if n.name.endswith("success")}
    assert numbers == pytest.approx({"training success": 0.6, "success": 0.9}, abs=0.01)
    assert "stalled" not in verdict.label


def test_collapse_and_recovery() -> None:
    up, down = [0.05, 0.05, 0.9, 0.95, 0.95], [0.1, 0.05, 0.05]
    fallen = diagnose(life([*up, *down], rows=200), PUSH)
    assert fallen.phase == "collapsed"
    assert fallen.color == "red"
    assert fallen.finding("forgetting") is not None
    back = diagnose(life([*up, *down, 0.9, 0.95, 0.95, 0.95, 0.95], rows=400), PUSH)
    phases = [span.phase for span in back.spans]
    assert phases.index("collapsed") < len(phases) - 1
    assert back.phase in ("converged", "converging")


def test_warm_up_until_the_first_update() -> None:
    rows = [
        {"env_steps": 100.0 * i, "updates": max(0.0, i - 20.0), "train/success": 0.05}
        for i in range(1, 61)
    ]
    verdict = diagnose(from_rows(rows), PUSH)
    assert [s.phase for s in verdict.spans] == ["warm-up", "flat"]
    assert verdict.spans[0].env_steps[1] == 2100.0
    assert diagnose(from_rows(rows[:15]), PUSH).phase == "warm-up"


def test_noise_alone_never_takes_off() -> None:
    for sigma in (0.01, 0.05, 0.1):
        table = life([0.06, 0.06], rows=300, noise=sigma)
        assert diagnose(table, PUSH).phase == "flat"


def test_spans_cover_the_run_without_gaps() -> None:
    spans = diagnose(lesson(), LESSON).spans
    assert spans[-1].env_steps[1] == lesson().end
    for one, other in pairwise(spans):
        assert one.env_steps[1] == other.env_steps[0]


def test_too_little_is_unknown() -> None:
    verdict = diagnose(from_rows([{"env_steps": 1, "train/success": 0.0}]), RunFacts())
    assert verdict.phase == "unknown"
    assert verdict.confidence == 0.0
    assert not verdict.sick
    assert diagnose(from_rows([]), RunFacts()).phase == "unknown"


def test_returns_stand_in_for_success() -> None:
    sparse = RunFacts(sparse=True, horizon=50)
    steps = [100.0 * i for i in range(1, 101)]

    def rows(returns: list[float]) -> list[dict[str, float]]:
        return [
            {"env_steps": s, "train/return": r}
            for s, r in zip(steps, returns, strict=True)
        ]

    climb = [-49.0] * 40 + [-49 + 0.8 * i for i in range(50)] + [-9.0] * 10
    begins = starts(diagnose(from_rows(rows(climb)), sparse))
    assert begins["take-off"] == pytest.approx(4_200, rel=0.15)
    dense = starts(diagnose(from_rows(rows([100 * r for r in climb])), RunFacts()))
    assert dense["take-off"] == pytest.approx(4_200, rel=0.15)
    flat = [-49.0 + 0.1 * float(e) for e in np.random.default_rng(0).normal(size=100)]
    assert diagnose(from_rows(rows(flat)), RunFacts()).phase == "flat"


def test_unknowns_make_it_less_sure() -> None:
    table = from_rows(
        {"env_steps": 1e3 * i, "train/success": 0.06 + 0.01 * (i % 2)}
        for i in range(1, 60)
    )
    known = diagnose(table, PUSH).confidence
    unknown = diagnose(table, RunFacts()).confidence
    assert 0 < unknown < known <= 0.99


def test_a_verdict_is_json() -> None:
    found = diagnose(lesson(), RunFacts()).as_dict()  # updates unknown: NaN
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text)["phase"] == "converged"
    assert found["spans"][0]["updates"] == [None, None]


def test_a_short_log_that_ends_at_the_top_has_converged() -> None:
    """Evaluations of a run that success ended: no time for a plateau."""
    success = [0.06, 0.29, 0.80, 0.96, 0.98, 0.99, 1.0]
    verdict = diagnose(_evaluated(success), PUSH)
    assert [(s.phase, *s.env_steps) for s in verdict.spans] == [
        ("flat", 60e3, 90e3),  # take-off lies between two points: half-way
        ("take-off", 90e3, pytest.approx(240e3, abs=15e3)),
        ("converging", pytest.approx(240e3, abs=15e3), 270e3),
        ("converged", 270e3, 420e3),  # 0.97 lies between 0.96 and 0.98
    ]


def test_one_good_evaluation_is_not_the_top() -> None:
    for success in ([0.06, 0.29, 0.80, 0.9, 0.98], [0.06, 0.3, 0.8, 0.98, 0.98, 0.93]):
        assert diagnose(_evaluated(success), PUSH).phase == "converging"


def _evaluated(success: list[float]) -> RunTable:
    """Evaluations of 256 episodes, every 60,000 env steps."""
    return from_rows(
        {"env_steps": 60e3 * i, "eval/success": s, "eval/episodes": 256.0}
        for i, s in enumerate(success, start=1)
    )

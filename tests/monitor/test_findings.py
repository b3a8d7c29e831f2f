"""Each finding fires on its own sickness, and on no healthy run."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.corpus import load, read_labels
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.stopping import patience_updates
from puckrl.monitor.table import RunTable, from_rows
from puckrl.monitor.verdict import FindingName, Verdict
from tests.monitor.lives import LESSON, PUSH, lesson, life

HEALTHY = life(
    [0.05, 0.05, 0.06, 0.5, 0.9, 0.95, 0.96],
    {
        "train/critic_loss": [0.2, 0.1, 0.1, 0.6, 0.4, 0.3, 0.2],
        "train/q_mean": [0, -8, -8, -6, -4, -3, -3],
        "train/action_effort": [0.3, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4],
        "train/entropy": [2, 0, -1, -2, -3, -4, -4],
        "replay/recent_moving_share": [0.1, 0.1, 0.3, 0.6, 0.9, 0.95, 0.95],
    },
)
CURVES = Path(__file__).parents[1] / "curves"
LONG = patience_updates(PUSH) / 0.25


def flat(
    signals: Mapping[str, list[float]], end: float = 30_000, facts: RunFacts = PUSH
) -> Verdict:
    return diagnose(life([0.06, 0.06], signals, end=end), facts)


def names(verdict: Verdict) -> set[FindingName]:
    return {finding.name for finding in verdict.findings}


def test_a_healthy_run_has_nothing_at_any_time() -> None:
    for end in range(10_000, 100_001, 10_000):
        verdict = diagnose(HEALTHY.upto(end), PUSH)
        assert not verdict.sick, (end, verdict.headline)


@pytest.mark.parametrize(
    "leading",
    [
        {"replay/recent_moving_share": [0.05, 0.1, 0.2, 0.3]},
        {"probe/q_action_spread": [0.01, 0.02, 0.05, 0.1]},
        {"probe/position_r2": [0.0, 0.1, 0.3, 0.5]},
    ],
)
def test_rising_signals_keep_a_flat_run_alive(leading: dict[str, list[float]]) -> None:
    verdict = flat(leading, end=4 * LONG)
    assert names(verdict) == {"healthy flat"}
    assert verdict.color == "green"


@pytest.mark.parametrize(
    ("patiences", "name"), [(1.9, "healthy flat"), (2.1, "dead flat")]
)
def test_a_loss_that_creeps_up_keeps_it_alive_for_twice_its_patience(
    patiences: float, name: FindingName
) -> None:
    loss = {"train/critic_loss": [0.1, 0.08, 0.1, 0.2]}
    assert names(flat(loss, end=patiences * LONG)) == {name}


def test_dead_only_after_patience() -> None:
    still = {
        "train/critic_loss": [0.3, 0.1, 0.07, 0.07],
        "train/q_mean": [-18.5, -18.5],
    }
    early, late = flat(still, end=0.5 * LONG), flat(still, end=1.1 * LONG)
    assert names(early) == {"memorizing failure"}
    assert not early.sick
    assert "uniform failure" in early.findings[0].reason
    assert names(late) == {"dead flat"}
    assert late.sick


def test_pixels_are_never_dead_without_a_probe() -> None:
    facts = replace(PUSH, modality="pixels")
    loss = {"train/critic_loss": [0.3, 0.1, 0.07, 0.07]}
    blind = flat(loss, end=2 * LONG, facts=facts)
    assert blind.finding("dead flat") is not None
    assert not blind.sick
    seen = {**loss, "probe/position_r2": [0.1, 0.1]}
    assert flat(seen, end=2 * LONG, facts=facts).sick


@pytest.mark.parametrize("q", [-18.5, -19.9])
def test_values_at_uniform_failure_are_named(q: float) -> None:
    verdict = flat({"train/q_mean": [q, q]})
    assert any("failing always is -18.5" in number.note for number in verdict.numbers)
    assert "memorizing failure" in names(verdict)
    assert "memorizing failure" not in names(flat({"train/q_mean": [-9.0, -9.0]}))


def test_the_actors_loss_stands_in_for_q() -> None:
    found = flat({"train/actor_loss": [18.4, 18.4]}).numbers
    assert any(n.name == "Q = -actor loss" for n in found)


@pytest.mark.parametrize(
    ("signals", "name"),
    [
        ({"replay/recent_moving_share": [0.0, 0.0]}, "broken task"),
        ({"train/reward_mean": [0.5, 0.5]}, "broken task"),
        ({"train/return": [3.0, 3.0]}, "broken task"),
        ({"sim/diverged": [0, 200]}, "broken task"),
        ({"train/q_mean": [-5, -30]}, "divergence"),
        ({"train/q_mean": [-5, 9]}, "divergence"),
        ({"train/critic_loss": [0.1, 0.1, 0.1, 500.0, 900.0]}, "divergence"),
        ({"train/action_effort": [0.5, 0.99, 0.99]}, "saturated actor"),
        ({"train/entropy": [2.0, -9.0, -12.0]}, "entropy collapse"),
    ],
)
def test_sick_flat_runs(signals: dict[str, list[float]], name: FindingName) -> None:
    verdict = flat(signals)
    assert name in names(verdict)
    assert verdict.sick
    assert verdict.findings[0].color == "red"


def test_a_tuned_temperature_that_falls_to_nothing_is_a_warning() -> None:
    verdict = flat({"train/alpha": [0.5, 0.01, 0.0001, 0.0001]})
    assert verdict.finding("entropy collapse") is not None
    assert not verdict.sick


def test_losses_that_are_no_numbers() -> None:
    rows = [
        {"env_steps": 1e3 * i, "train/success": 0.06, "train/critic_loss": math.nan}
        for i in range(1, 30)
    ]
    assert "divergence" in names(diagnose(from_rows(rows), PUSH))


def test_entropy_may_lift_soft_values() -> None:
    hot = {"train/alpha": [0.2, 0.2], "train/entropy": [2.0, 2.0]}
    facts = replace(PUSH, clipped=False)
    assert "divergence" not in names(flat({**hot, "train/q_mean": [0, 6]}, facts=facts))
    assert "divergence" in names(flat({"train/q_mean": [0, 6]}, facts=facts))


def test_clipped_targets_leave_entropy_no_room() -> None:
    hot = {"train/alpha": [0.2, 0.2], "train/entropy": [2.0, 2.0]}
    found = flat({**hot, "train/q_mean": [0, 6]}).finding("divergence")
    assert found is not None
    assert "clip" not in found.advice
    free = flat({"train/q_mean": [0, 6]}, facts=replace(PUSH, clipped=False))
    assert "clip the targets" in free.findings[0].advice


@pytest.mark.parametrize("end", [30_000, 1.1 * LONG])
def test_without_hindsight_it_is_the_first_advice(end: float) -> None:
    still = {
        "train/critic_loss": [0.3, 0.1, 0.07, 0.07],
        "train/q_mean": [-18.5, -18.5],
    }
    without = flat(still, end=end, facts=replace(PUSH, her=False)).advice
    assert "relabel goals in hindsight" in without
    assert "relabel" not in flat(still, end=end).advice


@pytest.mark.parametrize("warm", [1, 10])
def test_random_play_that_succeeds(warm: int) -> None:
    """``warm`` rows until updates begin; the first such row was still played at random."""
    rows = [
        {
            "env_steps": 800.0 * i,
            "episodes": 16.0 * i,
            "updates": max(0, i - warm + 1),
            "train/success": 0.9,
        }
        for i in range(1, 40)
    ]
    assert "broken task" in names(diagnose(from_rows(rows), PUSH))
    late = [
        row | {"env_steps": row["env_steps"] + 5e4, "episodes": 1e3}
        for row in rows[warm:]
    ]
    assert "broken task" not in names(diagnose(from_rows(late), PUSH))


def test_training_success_that_evaluation_denies() -> None:
    def run(judged: float) -> RunTable:
        return from_rows(
            {
                "env_steps": 1e3 * i,
                "train/success": 0.01 * i,
                "eval/success": judged * i,
            }
            for i in range(1, 90)
        )

    assert "eval-train mismatch" in names(diagnose(run(0.001), PUSH))
    assert "eval-train mismatch" not in names(diagnose(run(0.0105), PUSH))


def test_a_plateau_far_from_solved_is_stalled() -> None:
    verdict = diagnose(life([0.05, 0.05, 0.5, 0.5, 0.5, 0.5, 0.5]), PUSH)
    assert "stalled" in names(verdict)
    assert verdict.phase == "converging"


def test_what_climbs_in_leaps_is_not_stalled() -> None:
    """Evaluations of a run of push: 0.64, 0.63, 0.83, 0.89 are no plateau at 0.73."""
    levels = [0.047, 0.062, 0.055, 0.039, 0.141, 0.422, 0.641, 0.633, 0.828, 0.891]
    rows = [
        {"env_steps": 10_080.0 * i, "updates": 1260.0 * i, "eval/success": level}
        for i, level in enumerate(levels, start=1)
    ]
    assert "stalled" not in names(diagnose(from_rows(rows), PUSH))
    later = [
        {**rows[-1], "env_steps": 10_080.0 * i, "eval/success": 0.64}
        for i in range(11, 18)
    ]
    assert "stalled" in names(diagnose(from_rows(rows[:8] + later), PUSH))


@pytest.mark.parametrize("share", [1.0, 0.8])
def test_what_noisy_play_fails_at_is_not_stalled_if_evaluations_climb(
    share: float,
) -> None:
    """Noisy play stands at 0.6, evaluations climb to 0.95, or to 0.76."""
    label = next(x for x in read_labels(CURVES) if x.name == "slide-gpu-2a1e987c-s2")
    rows = [
        {k: v * share if k == "eval/success" else v for k, v in row.items()}
        for row in load(CURVES, label)
    ]
    verdict = diagnose(from_rows(rows), label.run_facts())
    assert "stalled" not in names(verdict)
    assert verdict.success == pytest.approx(0.945 * share, abs=0.02)


def test_what_evaluations_decide_is_not_made_better_than_it_ends() -> None:
    """Evaluated at 0.98, 0.98, 0.93, 0.94 with 0.95 asked for: not done."""
    label = next(x for x in read_labels(CURVES) if x.name == "push-s2")
    verdict = diagnose(from_rows(load(CURVES, label)), label.run_facts())
    assert verdict.phase == "converged"
    assert "wasting time" not in names(verdict)


def test_wasting_time_is_said_and_not_sick() -> None:
    verdict = diagnose(life([0.05, 0.5, 0.97, 0.97, 0.97, 0.97, 0.97, 0.97]), PUSH)
    assert names(verdict) == {"wasting time"}
    assert verdict.color == "yellow"


def test_a_run_that_was_done_at_its_second_evaluation_has_wasted_nothing() -> None:
    rows = [
        {"env_steps": 800.0 * (i + 1), "updates": 200.0 * i, "eval/success": y}
        for i, y in enumerate([0.05, 0.99, 1.0])
    ]
    verdict = diagnose(from_rows(rows), PUSH)
    assert (verdict.phase, verdict.color) == ("converged", "green")
    assert names(verdict) == set()


def test_the_lesson_run_is_never_sick() -> None:
    for millions in (0.3, 0.8, 1.2, 1.8, 2.3, 2.7, 3.2, 3.9, 4.5):
        assert not diagnose(lesson().upto(millions * 1e6), LESSON).sick

"""Logs of strangers, kind by kind: what the doctor may say of each, and what it may not."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from puckrl.doctor.consult import consult
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import RunTable, from_rows
from puckrl.monitor.verdict import Verdict

Array = NDArray[np.floating]
CASES = Path(__file__).parents[1] / "logs" / "cases"
ROWS = 60
X = np.arange(1, ROWS + 1) / ROWS
STEPS = 20_000.0 * np.arange(1, ROWS + 1)
SEEDS = range(6)


def rise(low: float, high: float, middle: float = 0.4, width: float = 0.08) -> Array:
    return low + (high - low) / (1 + np.exp(-(X - middle) / width))


def judge(
    folder: Path, columns: Mapping[str, Array], *, facts: tuple[str, ...] = ()
) -> Verdict:
    path = folder / "log.jsonl"
    rows = zip(*columns.values(), strict=True)
    path.write_text(
        "".join(
            json.dumps(dict(zip(columns, map(float, row), strict=True))) + "\n"
            for row in rows
        )
    )
    (patient,) = consult([path], (), facts).patients
    return patient.verdict


def reasons(verdict: Verdict) -> str:
    return "; ".join(f"{f.name}: {f.reason}" for f in verdict.findings)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_success_that_is_never_recorded_gives_way_to_returns(
    tmp_path: Path, nothing: float, seed: int
) -> None:
    returns = rise(-20, -5) + 0.3 * np.random.default_rng(seed).normal(size=ROWS)
    columns = {"step": STEPS, "eval/success": 0 * X + nothing, "eval/return": returns}
    verdict = judge(tmp_path, columns)
    assert verdict.phase != "flat"
    assert [f.name for f in verdict.findings] == ["unknown success"]
    asked = "eval/success is 0 in every row" if nothing == 0 else "not in this log"
    assert asked in reasons(verdict)


def test_success_of_0_beside_returns_that_stand_is_flat(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=ROWS)
    columns = {"step": STEPS, "eval/success": 0 * X, "eval/return": -20 + 0.3 * noise}
    assert judge(tmp_path, columns).phase == "flat"


@pytest.mark.parametrize("play", [0.0, 0.95])
def test_evaluations_decide_whatever_noisy_play_does(
    tmp_path: Path, play: float
) -> None:
    rng = np.random.default_rng(1)
    columns = {
        "step": STEPS,
        "train/success": np.clip(rise(0, play) + 0.01 * rng.normal(size=ROWS), 0, 1),
        "eval/success": rng.binomial(10, rise(0, 1.0 if play < 0.5 else 0.0)) / 10,
    }
    verdict = judge(tmp_path, columns)
    assert verdict.phase == ("converged" if play < 0.5 else "flat")


def ppo(entropy: Array, name: str = "train/entropy_loss") -> dict[str, Array]:
    """Stable-Baselines3's PPO on 100 M env steps: 10 epochs of 16,384 steps each."""
    steps = 1e8 * X
    return {
        "time/total_timesteps": steps,
        "rollout/success_rate": 0 * X,
        "train/approx_kl": 0.01 + 0 * X,
        "train/n_updates": steps / 16_384 * 10,
        name: entropy,
    }


def test_a_policy_of_discrete_actions_without_entropy(tmp_path: Path) -> None:
    verdict = judge(tmp_path, ppo(-1.1 * np.exp(-10 * X)))
    found = verdict.finding("entropy collapse")
    assert found is not None
    assert found.color == "red"


@pytest.mark.parametrize(
    "entropy",
    [-1.1 + 0.3 * X, -4.0 + 9.0 * X, 12.0 * X],
    ids=["some", "falls", "narrow"],
)
def test_entropy_of_continuous_actions_and_some_of_discrete_ones_is_none(
    tmp_path: Path, entropy: Array
) -> None:
    """The sum over 30 components of a Gaussian may be anything."""
    assert "entropy collapse" not in reasons(judge(tmp_path, ppo(entropy)))


def test_patience_ends_for_learners_with_few_updates(tmp_path: Path) -> None:
    verdict = judge(tmp_path, ppo(-1.1 + 0 * X))
    assert "dead flat" in reasons(verdict)
    assert "100,000,000 env steps" in reasons(verdict)
    assert "wait" not in verdict.advice


@pytest.mark.parametrize("name", ["Loss/value_function", "Loss/value"])
def test_the_value_loss_of_rsl_rl(tmp_path: Path, name: str) -> None:
    columns = {
        "Step": STEPS,
        "Train/mean_reward": np.random.default_rng(0).normal(size=ROWS),
        "Perf/total_fps": 0 * X + 9e4,
        name: np.exp(20 * X),
    }
    path = tmp_path / "a.csv"
    rows = [",".join(columns)] + [
        ",".join(map(str, r)) for r in zip(*columns.values(), strict=True)
    ]
    path.write_text("\n".join(rows) + "\n")
    (patient,) = consult([path], ["Step=env_steps*98304"]).patients
    found = patient.verdict.finding("divergence")
    assert found is not None
    assert found.color == "red"


@pytest.mark.parametrize("episodes", [True, False])
def test_q_too_high_where_no_length_is_logged(tmp_path: Path, episodes: bool) -> None:
    """Returns of 5, Q of 120."""
    noise = np.random.default_rng(0).normal(size=ROWS)
    columns = {
        "step": STEPS,
        "return": 5 + noise,
        "qf1_values": 120 * X,
        "critic_loss": 0.1 * np.exp(5 * X),
    } | ({"episodes": STEPS / 100} if episodes else {})
    assert "divergence: Q" in reasons(judge(tmp_path, columns))


@pytest.mark.parametrize("case", ["epochs-and-steps", "two-clocks-one-writer"])
def test_the_option_that_two_clocks_ask_for_joins_them(case: str) -> None:
    (patient,) = consult([CASES / case], ["step=env_steps*2000"]).patients
    assert [f.name for f in patient.log.problems] == []
    assert patient.verdict.phase == ("converged" if case[0] == "e" else "flat")


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_one_dip_is_not_unsteady(tmp_path: Path, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    success = np.clip(rise(0, 0.97, 0.15, 0.02) + 0.02 * rng.normal(size=ROWS), 0, 1)
    success[40 : 40 + rows] = 0.1
    verdict = judge(tmp_path, {"step": STEPS, "eval/success": success})
    assert "unsteady" not in reasons(verdict)
    assert "collapsed once, to 0.10" in reasons(verdict)
    assert verdict.phase == "converged"


@pytest.mark.parametrize("level", [1.0, 0.97])
@pytest.mark.parametrize("name", ["eval/success", "train/success"])
def test_what_succeeds_from_the_start_took_off_nowhere(
    tmp_path: Path, level: float, name: str
) -> None:
    success = np.random.default_rng(0).binomial(50, level, ROWS) / 50
    verdict = judge(tmp_path, {"step": STEPS, name: success})
    assert {s.phase for s in verdict.spans} <= {"converging", "converged"}
    assert "high from the start" in reasons(verdict)


@pytest.mark.parametrize("success", [[0.9, 1.0], [0.05, 0.9, 1.0]])
def test_few_values_at_the_top_ask_for_one_more_and_not_to_wait(
    tmp_path: Path, success: list[float]
) -> None:
    columns = {"step": STEPS[: len(success)], "eval/success": np.array(success)}
    verdict = judge(tmp_path, columns)
    assert verdict.advice == "evaluate once more before it is called done"


def test_a_first_value_of_0_is_no_collapse(tmp_path: Path) -> None:
    columns = {"step": STEPS[:5], "eval/success": np.array([0.0, 1, 1, 1, 1])}
    verdict = judge(tmp_path, columns)
    assert verdict.phase == "converged"
    assert verdict.findings == ()


def test_returns_that_stand_are_neither_dead_nor_a_success(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=ROWS)
    verdict = judge(tmp_path, {"step": 100 * STEPS, "return": 5 + noise})
    assert "success has stood" not in reasons(verdict)
    assert "dead flat" not in reasons(verdict)


@pytest.mark.parametrize("episodes", [1, 10, 100])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_collapse_says_what_was_lost(
    tmp_path: Path, episodes: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    success = rng.binomial(episodes, np.where(X < 0.5, 0.9, 0.3)) / episodes
    verdict = judge(tmp_path, {"step": STEPS, "eval/success": success})
    if verdict.phase == "collapsed":
        assert verdict.findings[0].name == "forgetting"
    else:
        assert episodes == 1


def test_no_loss_in_the_log_no_word_of_it(tmp_path: Path) -> None:
    verdict = judge(tmp_path, {"step": STEPS, "eval/success": np.round(0.7 * X, 3)})
    assert (verdict.phase, verdict.advice) == ("take-off", "let it run")


def test_what_comes_and_goes_has_not_stood(tmp_path: Path) -> None:
    bump = 0.25 * np.exp(-(((X - 0.7) / 0.2) ** 2))
    success = np.random.default_rng(0).binomial(100, bump) / 100
    columns = {"step": 100 * STEPS, "updates": 100 * STEPS, "eval/success": success}
    assert "has stood" not in reasons(judge(tmp_path, columns))


@pytest.mark.parametrize("filling", [0.0, 0.3])
def test_windows_that_fill_are_no_rise(tmp_path: Path, filling: float) -> None:
    """Twenty rows of a window of 100 episodes, twenty new ones in each."""
    found: list[Verdict] = []
    for seed in range(10):
        won = np.random.default_rng(seed).binomial(1, 0.25, 400)
        last = 20 * np.arange(1, 21)
        success = [won[max(0, i - 100) : i].mean() for i in last]
        success = np.array(success) * np.where(last <= 100, filling, 1.0)
        steps = 1000.0 * np.arange(1, 21)
        columns = {
            "time/total_timesteps": steps,
            "train/n_updates": steps,
            "rollout/success_rate": success,
        }
        found.append(judge(tmp_path, columns))
    assert sum(v.phase == "flat" for v in found) >= 8
    assert sum(v.color == "green" for v in found) <= 2


def test_a_fifth_less_is_no_collapse(tmp_path: Path) -> None:
    success = np.random.default_rng(0).binomial(200, np.where(X < 0.5, 0.95, 0.76))
    verdict = judge(tmp_path, {"step": STEPS, "eval/success": success / 200})
    assert "collapsed" not in {s.phase for s in verdict.spans}
    assert verdict.findings[0].name == "forgetting"


def judged(success: list[float], episodes: int, spacing: float = 1e4) -> RunTable:
    rows = [
        {
            "env_steps": spacing * (i + 1),
            "eval/success": rate,
            "eval/episodes": float(episodes),
        }
        for i, rate in enumerate(success)
    ]
    return from_rows(rows)


FEW = {
    "one each": ([0.0] * 4, 1),
    "five each": ([0.0, 0.2, 0.0, 0.2], 5),
    "two each": ([0.0, 0.5, 0.0, 0.0, 0.5, 0.5], 2),
    "ten in all, that climb": ([0.0, 0.5, 0.5, 1.0, 0.5], 2),
}


@pytest.mark.parametrize("name", FEW)
def test_the_luck_of_few_episodes_is_no_phase(name: str) -> None:
    """Wilson's interval of 0 of 4 ends at 0.49, that of 2 of 20 at 0.30."""
    success, episodes = FEW[name]
    rows = len(success)
    verdict = diagnose(judged(success, episodes), RunFacts())
    assert (verdict.phase, verdict.color) == ("unknown", "yellow")
    assert f"{episodes * rows} episodes are behind all values" in verdict.advice


@pytest.mark.parametrize(("rows", "episodes"), [(10, 20), (4, 10), (60, 1)])
def test_enough_episodes_that_fail_are_flat(rows: int, episodes: int) -> None:
    assert diagnose(judged([0.0] * rows, episodes), RunFacts()).phase == "flat"


def test_patience_ends_for_logs_of_single_episodes() -> None:
    """60 episodes are six points of ten: fewer than points that hold many."""
    verdict = diagnose(judged([0.0] * 60, 1, spacing=3e5), RunFacts())
    assert verdict.finding("dead flat") is not None

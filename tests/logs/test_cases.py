"""Small logs of kinds that are easily misread: what is read from each, and what is asked.

Each stands for a habit of people or libraries: a separator, an encoding, a unit, a clock,
a restart. Whether the verdict is right belongs to tests/monitor.
"""

from pathlib import Path

import numpy as np
import pytest

from puckrl.core.errors import UserError
from puckrl.doctor.consult import Consultation, Patient, consult

CASES = Path(__file__).parent / "cases"


def one(name: str, *mapping: str) -> Patient:
    (patient,) = consult([CASES / name], mapping).patients
    return patient


def found(patient: Patient) -> list[str]:
    return [finding.name for finding in patient.log.problems]


READ = {
    "brief-dip.csv": ("train/success", 140_000),
    "clock-behind-others.csv": ("train/return", 120_000),
    "clock-named-step.csv": ("train/success", 120_000),
    "dense-return-plateau.csv": ("train/return", 120_000),
    "evaluations-forgotten": ("eval/success", 60_000),
    "explodes-while-flat.csv": ("train/success", 120_000),
    "foreign-metrics-beside-events": ("eval/success", 120_000),
    "monitor-headerless": ("train/success", 60_000),
    "names-with-prefix.csv": ("train/success", 120_000),
    "nan-before-learning.csv": ("train/success", 120_000),
    "nested.jsonl": ("eval/success", 120_000),
    "no-updates-14M.csv": ("eval/success", 14_000_000),
    "one-inf.csv": ("train/success", 120_000),
    "percent-sign.csv": ("eval/success", 120_000),
    "q-above-zero.csv": ("train/actor_loss", 100_000),
    "q-above-zero-slowly.csv": ("train/actor_loss", 100_000),
    "rare-lucky-episodes.jsonl": ("train/return", 3_000),
    "semicolons.csv": ("train/success", 120_000),
    "short-first-windows.csv": ("train/success", 100_000),
    "spaces-in-header.csv": ("eval/success", 120_000),
    "sparse-slow-goal.csv": ("train/return", 120_000),
    "steps-with-commas.csv": ("train/success", 120_000),
    "steps-with-k.csv": ("train/success", 120_000),
    "tabs.csv": ("train/success", 120_000),
    "tb-without-updates": ("train/success", 4_000_000),
    "two-returns.csv": ("eval/return", 20_000),
    "unread-success.csv": ("eval/success", 120_000),
    "utf16.csv": ("eval/success", 120_000),
}
"""Case -> a signal that must be in it, and its env steps; nothing to complain about."""


@pytest.mark.parametrize("name", READ)
def test_it_is_read_and_nothing_is_asked(name: str) -> None:
    signal, end = READ[name]
    patient = one(name)
    assert signal in patient.table
    assert patient.table.end == end
    assert found(patient) == []


@pytest.mark.parametrize(
    "name", ["semicolons.csv", "tabs.csv", "steps-with-commas.csv", "steps-with-k.csv"]
)
def test_one_log_in_many_hands_is_the_same_log(name: str) -> None:
    plain, written = one("names-with-prefix.csv").table, one(name).table
    assert written.columns["env_steps"].tolist() == plain.columns["env_steps"].tolist()
    assert written.columns["updates"].tolist() == plain.columns["updates"].tolist()
    success = plain.columns["train/success"]
    assert written.columns["train/success"] == pytest.approx(success, abs=1e-9)


def test_percent_is_divided_where_a_sign_or_the_user_says_so() -> None:
    signs = one("percent-sign.csv").table.columns["eval/success"]
    option = one("percent.csv", "rollout/success_rate=train/success%").table
    assert signs[:3] == pytest.approx([0.004, 0.018, 0.01])
    assert option.columns["train/success"][:3] == pytest.approx([0.004, 0.018, 0.01])


REFUSED = {
    "clock-stands.csv": "env_steps is 0 in each of 60 rows: the clock stands",
    "header-only.csv": "has no rows yet",
    "percent.csv": "in percent, read it with --map 'rollout/success_rate=train/success%'",
    "success-all-nan.csv": "eval/success is NaN in each of 60 rows",
    "epochs-and-steps": r"eval/success_rate from 1 to 60; the latter cannot be placed",
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_cannot_be_judged_and_the_reason_says_why(name: str) -> None:
    with pytest.raises(UserError, match=REFUSED[name]):
        consult([CASES / name])


ASKED = {
    "log-calls.csv": ("unknown clock", "'_step', counts log calls, not env steps"),
    "steps-in-thousands.csv": ("unknown clock", "992 updates for each step"),
    "two-clocks-one-writer": ("unknown clock", "one writer with two clocks: rollout/"),
    "two-runs-appended.csv": ("contaminated log", "a second run was appended to"),
    "monitor-resumed": ("resumed log", "success goes on where it stood"),
}


@pytest.mark.parametrize("name", ASKED)
def test_it_is_read_with_a_finding(name: str) -> None:
    kind, words = ASKED[name]
    patient = one(name)
    assert found(patient) == [kind]
    assert words in patient.log.problems[0].reason


def test_what_the_user_says_of_a_clock_is_believed() -> None:
    thousand = one("steps-in-thousands.csv", "time/total_timesteps=env_steps*1000")
    calls = one("log-calls.csv", "_step=env_steps*2000")
    assert found(thousand) == found(calls) == []
    assert (thousand.table.end, calls.table.end) == (120_000, 118_000)
    assert thousand.facts.update_ratio == pytest.approx(1.0, abs=0.02)
    assert found(one("log-calls.csv", "_step=env_steps")) == []


def test_the_name_that_was_left_out_is_in_the_message() -> None:
    """A clock as the tenth column is found, though no library is known by its names."""
    with pytest.raises(UserError, match=r"unknown name 'stp'.*did you mean step"):
        consult([CASES / "clock-named-step.csv"], ["stp=env_steps"])


def test_seeds_below_one_another_are_runs_side_by_side() -> None:
    patients = consult([CASES / "three-seeds.csv"]).patients
    assert [p.log.name.rpartition(" ")[2] for p in patients] == [
        "seed=1",
        "seed=2",
        "seed=3",
    ]
    last = [p.table.columns["train/success"][-1] for p in patients]
    assert (np.array(last) > 0.9).tolist() == [True, True, False]


def test_a_run_that_goes_on_in_another_folder_is_one_run() -> None:
    patient = one("resumed-worse")
    assert patient.log.name == "SAC_1 -> SAC_2"
    assert patient.table.resumed_at == (102_000,)
    assert len(patient.table.columns["env_steps"]) == 90
    assert patient.verdict.phase == "collapsed"
    assert consult([CASES / "resumed-worse/SAC_2"]).patients[0].table.resumed_at == ()


def test_a_monitor_that_was_resumed_is_one_run() -> None:
    patient = one("monitor-resumed")
    assert patient.table.end == 90_000
    assert patient.table.resumed_at == (60_050,)
    assert set(patient.table.columns["train/episodes_averaged"]) == {100.0}


def test_runs_of_one_name_are_told_apart_and_young_ones_are_not_ill() -> None:
    seen: Consultation = consult([CASES / "same-names"])
    assert [p.log.name for p in seen.patients] == ["a1/DDPG_1", "b2/DDPG_1"]
    assert seen.empty == ("c3/DDPG_1",)


def test_evaluations_know_their_episodes() -> None:
    table = one("evaluations-forgotten").table
    assert set(table.columns["eval/episodes"]) == {10.0}
    success = table.curve("eval/success")
    assert success.y[success.x < 30_000][-1] == 1.0
    assert success.y[-1] == 0.0


def test_one_episode_a_row_averages_over_one() -> None:
    table = one("rare-lucky-episodes.jsonl").table
    assert set(table.columns["train/episodes_averaged"]) == {1.0}


def test_averages_of_few_episodes_are_known_as_such() -> None:
    """SB3 averages over the last 100 episodes, or all so far."""
    averaged = one("q-above-zero.csv").table.columns["train/episodes_averaged"]
    assert averaged[0] == round(1250 / 48.4)
    assert averaged[-1] == 100


def test_a_library_without_an_update_clock_has_its_usual_ratio() -> None:
    facts = one("tb-without-updates").facts
    assert (facts.producer, facts.assumed_update_ratio) == ("stable-baselines3", 1.0)
    assert facts.update_ratio is None
    assert one("brief-dip.csv").facts.assumed_update_ratio is None


def test_every_case_is_tested() -> None:
    more = {"resumed-worse", "same-names", "three-seeds.csv"}
    assert {p.name for p in CASES.iterdir()} == {*READ, *REFUSED, *ASKED, *more}

"""Habits of writers that once led to a wrong verdict: mixed runs, signs, gaps, sentinels."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from puckrl.doctor.consult import consult
from puckrl.logs.log import RunLog
from puckrl.logs.read import read_logs

STEPS = [5000 * i for i in range(1, 61)]
RISES = [min(0.97, i / 40) for i in range(60)]
FLAT = [0.01 + 0.01 * (i % 3) for i in range(60)]


def log_of(tmp_path: Path, text: str, name: str = "runs.csv") -> RunLog:
    path = tmp_path / name
    path.write_text(text)
    (log,) = read_logs(path)
    return log


def found(log: RunLog) -> list[str]:
    return [finding.name for finding in log.problems]


def rows(head: str, *lines: str) -> str:
    return "\n".join([head, *lines]) + "\n"


KNOWN = {
    "stable-baselines3": "time/total_timesteps,rollout/success_rate,train/n_updates",
    "cleanrl": "global_step,charts/success_rate,losses/qf1_values",
    "rllib": "timesteps_total,custom_metrics/success_mean,training_iteration",
}


@pytest.mark.parametrize("head", KNOWN.values())
@pytest.mark.parametrize("order", [(RISES, FLAT), (FLAT, RISES), (RISES, FLAT, FLAT)])
def test_runs_of_a_known_library_in_one_table_are_refused(
    tmp_path: Path, head: str, order: tuple[list[float], ...]
) -> None:
    """Logs put together without a column for the run; the last one may be the good one."""
    lines = [f"{s},{run[i]},{s}" for i, s in enumerate(STEPS) for run in order]
    assert found(log_of(tmp_path, rows(head, *lines))) == ["several runs"]


def test_returns_of_two_runs_of_a_library_that_averages_are_refused(
    tmp_path: Path,
) -> None:
    lines = [f"{s},{k * s / 5000 - 50}" for s in STEPS for k in (0.1, 0.7)]
    log = log_of(tmp_path, rows("time/total_timesteps,rollout/ep_rew_mean", *lines))
    assert found(log) == ["several runs"]


def test_two_writers_in_turns_at_steps_of_their_own_are_refused(tmp_path: Path) -> None:
    """Their clock never goes back; success leaps between two curves."""
    lines: list[str] = []
    for i, s in enumerate(STEPS):
        lines += [f"{s},{RISES[i]}", f"{s + 700},{FLAT[i]}"]
    assert found(log_of(tmp_path, rows("env_steps,success", *lines))) == [
        "several runs"
    ]


RNG = np.random.default_rng(0)
ONE_RUN = {
    "a row for training, one for evaluation": (
        "env_steps,train/success,eval/success",
        [
            x
            for s, y in zip(STEPS, RISES, strict=True)
            for x in (f"{s},{y},", f"{s},,{y}")
        ],
    ),
    "values that stay until the next one": (
        "env_steps,success",
        [
            x
            for s, y, z in zip(STEPS[1:], RISES, RISES[1:], strict=False)
            for x in (f"{s},{y}", f"{s},{z}")
        ],
    ),
    "every row twice": (
        "env_steps,success",
        [f"{s},{y}" for s, y in zip(STEPS, RISES, strict=True) for _ in range(2)],
    ),
    "returns of several worlds that end at one step": (
        "global_step,charts/episodic_return",
        [f"{s},{s / 6000 + k}" for s in STEPS for k in range(4)],
    ),
    "evaluations of five episodes": (
        "env_steps,eval/success",
        [f"{s},{RNG.binomial(5, 0.5) / 5}" for s in STEPS],
    ),
}


@pytest.mark.parametrize("name", ONE_RUN)
def test_one_run_may_repeat_a_step_or_leap(tmp_path: Path, name: str) -> None:
    head, lines = ONE_RUN[name]
    assert found(log_of(tmp_path, rows(head, *lines))) == []


@pytest.mark.parametrize("steps", [STEPS, [25_000 * i for i in range(1, 61)]])
def test_dots_group_thousands_where_commas_are_decimals(
    tmp_path: Path, steps: list[int]
) -> None:
    """German Excel: 5.000;0,02 up to 1.500.000;0,97."""
    lines = [
        f"{s:,}".replace(",", ".") + ";" + f"{y:.3f}".replace(".", ",")
        for s, y in zip(steps, RISES, strict=True)
    ]
    log = log_of(tmp_path, rows("step;success_rate", *lines))
    assert log.table.columns["env_steps"].tolist() == steps
    assert log.table.columns["train/success"] == pytest.approx(RISES, abs=1e-3)
    assert (log.notes, log.problems) == ((), ())


def test_dots_that_may_group_thousands_are_named(tmp_path: Path) -> None:
    lines = [f"{5 * i}.000;{i % 2}" for i in range(1, 30)]
    log = log_of(tmp_path, rows("step;success", *lines))
    assert log.table.end == 5 * 29
    assert "say --map 'step=env_steps*1000'" in log.notes[0]


@pytest.mark.parametrize(("bad", "finding"), [(1, []), (12, ["unread success"])])
def test_cells_that_cannot_be_read_are_counted(
    tmp_path: Path, bad: int, finding: list[str]
) -> None:
    """A few are a note, a fifth of the rows is a finding."""
    lines = [f"{s},{'x' if i < bad else 0.5}" for i, s in enumerate(STEPS)]
    log = log_of(tmp_path, rows("env_steps,eval/success", *lines))
    assert found(log) == finding
    others = f", nor are {bad - 1} others" if bad > 1 else ""
    assert log.notes == (f"eval/success, row 1: 'x' is no number{others}",)


def test_a_clock_that_is_often_unread_is_a_finding(tmp_path: Path) -> None:
    lines = [f"{s if i % 2 else 'later'},0.5" for i, s in enumerate(STEPS)]
    log = log_of(tmp_path, rows("env_steps,eval/success", *lines))
    assert found(log) == ["unknown clock"]
    assert "30 of 60 rows are left out" in log.problems[0].reason


@pytest.mark.parametrize(
    ("head", "unit"),
    [("eval/pc_success,Step", "updates"), ("Train/mean_reward,Step", "iterations")],
)
def test_the_step_of_an_export_counts_what_its_library_counts(
    tmp_path: Path, head: str, unit: str
) -> None:
    log = log_of(tmp_path, rows(head, *(f"50,{s}" for s in STEPS)))
    assert f"'Step', counts {unit}, not env steps" in log.problems[0].reason


@pytest.mark.parametrize(
    "name", ["success_pct", "eval/success (%)", "percent_solved", "charts/success_once"]
)
def test_a_name_that_says_share_or_percent_is_believed(
    tmp_path: Path, name: str
) -> None:
    """However small: 1 is a hundredth where the name says percent."""
    log = log_of(
        tmp_path, rows(f"step,{name}", *(f"{s},{i % 2}" for i, s in enumerate(STEPS)))
    )
    (ours,) = {"train/success", "eval/success"} & set(log.table.columns)
    top = 1.0 if "once" in name else 0.01
    assert log.table.columns[ours].max() == top
    assert any(f"{name} was taken for {ours}" in note for note in log.notes) or (
        "charts/" in name
    )


def test_what_a_library_means_by_success_is_not_guessed(tmp_path: Path) -> None:
    """JaxGCRL's ``episode_success`` counts the steps at the goal."""
    head = "training/envsteps,eval/episode_success,eval/episode_reward"
    log = log_of(tmp_path, rows(head, *(f"{s},0.5,1" for s in STEPS)))
    assert "eval/success" not in log.table.columns


@pytest.mark.parametrize(
    "name",
    ["failure_rate", "success_loss", "success_length", "consecutive_successes", "acc"],
)
def test_no_example_is_made_of_what_is_no_success(tmp_path: Path, name: str) -> None:
    log = log_of(tmp_path, rows(f"step,{name}", *(f"{s},0.5" for s in STEPS)))
    reason = log.problems[0].reason
    assert name in reason
    assert f"{name}=" not in reason


def test_minus_one_is_not_measured(tmp_path: Path) -> None:
    lines = [
        f"{s},{-1 if i % 3 else y}"
        for i, (s, y) in enumerate(zip(STEPS, RISES, strict=True))
    ]
    log = log_of(tmp_path, rows("env_steps,eval/success", *lines))
    assert len(log.table.curve("eval/success")) == 20
    assert log.notes == ("eval/success is -1 in 40 rows: taken for not measured",)
    worse = [f"{s},{-0.1 * (i % 3)}" for i, s in enumerate(STEPS)]
    assert found(log_of(tmp_path, rows("env_steps,eval/success", *worse))) == [
        "unread success"
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_json_objects(tmp_path: Path, indent: int | None) -> None:
    log = log_of(
        tmp_path,
        json.dumps(
            [{"step": s, "eval": {"success": 0.5}} for s in STEPS], indent=indent
        ),
        "log.json",
    )
    assert log.table.columns["env_steps"].tolist() == STEPS
    assert set(log.table.columns["eval/success"]) == {0.5}


def test_columns_between_blanks(tmp_path: Path) -> None:
    log = log_of(
        tmp_path, rows("step  success", *(f" {s}    0.5" for s in STEPS)), "a.txt"
    )
    assert log.table.columns["env_steps"].tolist() == STEPS


@pytest.mark.parametrize(
    ("values", "logged"),
    [
        (["NaN", "NaN", "0.1"] * 20, None),  # the pattern of a history
        (["NaN", "0.1"] * 15 + ["NaN"] * 30, 29 + 1),  # and then for good
        (["0.1"] * 30 + ["NaN"] * 30, 30),
        (["0.1"] * 30 + ["NaN"] + ["0.1"] * 29, 1),
        (["NaN", "0.1"] * 29 + ["inf", "0.1"], 1),
    ],
)
def test_nan_that_fills_a_history_is_a_gap(
    tmp_path: Path, values: list[str], logged: int | None
) -> None:
    lines = [f"{s},0.5,{v}" for s, v in zip(STEPS, values, strict=True)]
    log = log_of(tmp_path, rows("global_step,success,critic_loss", *lines))
    assert log.table.not_finite.get("train/critic_loss") == logged


def test_a_cut_file_is_read_to_its_last_row(tmp_path: Path) -> None:
    text = rows(
        "env_steps,eval/success", *(f"{i},{i % 97 / 97}" for i in range(1, 9000))
    )
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(text.encode())[:-4000])
    (log,) = read_logs(path)
    end = int(log.table.end)
    assert 1000 < end < 9000
    assert log.table.columns["eval/success"][-1] == end % 97 / 97
    assert log.notes == (
        f"what follows row {end:,}: the compressed file ends too soon",
    )


def test_a_file_for_each_tag(tmp_path: Path) -> None:
    """The CSV logger of torchrl."""
    folder = tmp_path / "push" / "scalars"
    folder.mkdir(parents=True)
    for tag in ("eval_success", "train_q_loss"):
        (folder / f"{tag}.csv").write_text("".join(f"{s},0.5\n" for s in STEPS))
    (folder / "noise.csv").write_bytes(b"\0\1")
    (patient,) = consult([tmp_path]).patients
    assert (patient.log.name, patient.facts.producer) == ("push", "torchrl")
    assert {"eval/success", "train/critic_loss"} <= set(patient.table.columns)


def test_a_name_of_one_letter_has_its_folder_before_it(tmp_path: Path) -> None:
    path = tmp_path / "push" / "j" / "log.csv"
    path.parent.mkdir(parents=True)
    path.write_text(rows("env_steps,eval/success", *(f"{s},0.5" for s in STEPS)))
    (patient,) = consult([path.parent]).patients
    assert patient.log.name == "push/j"

"""Shapes of files and names that were once refused, or split one run into several."""

import gzip
import json
from pathlib import Path

import pytest

from puckrl.core.errors import UserError
from puckrl.doctor.consult import Patient, consult
from puckrl.logs.read import read_logs

STEPS = [5000 * i for i in range(1, 61)]
RISES = [round(min(0.97, i / 40), 3) for i in range(60)]
ROWS = [{"env_steps": s, "eval/success": y} for s, y in zip(STEPS, RISES, strict=True)]


def one(path: Path) -> Patient:
    (patient,) = consult([path]).patients
    return patient


DOCUMENTS = {
    "columns": {
        "env_steps": STEPS,
        "eval/success": RISES,
        "config": {"layers": [1, 2]},
    },
    "nested columns": {"env_steps": STEPS, "eval": {"success": RISES}},
    "history": {"config": {"lr": 0.001}, "history": ROWS},
    "list": ROWS,
    "row": ROWS[0],
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_json_document(tmp_path: Path, name: str, indent: int | None) -> None:
    path = tmp_path / "history.json"
    path.write_text(json.dumps(DOCUMENTS[name], indent=indent))
    (log,) = read_logs(path)
    count = 1 if name == "row" else 60
    assert log.table.columns["env_steps"].tolist() == STEPS[:count]
    assert log.table.columns["eval/success"].tolist() == RISES[:count]


def test_a_tag_that_tensorboards_page_saved(tmp_path: Path) -> None:
    path = tmp_path / "run-SAC_1-tag-eval_success_rate.json"
    path.write_text(
        json.dumps([[1.7e9 + s, s, y] for s, y in zip(STEPS, RISES, strict=True)])
    )
    (log,) = read_logs(path)
    assert log.table.columns["eval/success"].tolist() == RISES


@pytest.mark.parametrize("text", ['{"a": [1, 2\n\n', "[[1, 2], [3]]", '["a", "b"]'])
def test_no_document_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "history.json"
    path.write_text(text)
    with pytest.raises(UserError, match="JSON"):
        consult([path])


def test_a_table_in_markdown(tmp_path: Path) -> None:
    path = tmp_path / "results.txt"
    lines = [f"| {r['env_steps']} | {r['eval/success']} |" for r in ROWS]
    path.write_text(
        "\n".join(["| env_steps | eval/success |", "|---|--:|", *lines]) + "\n"
    )
    patient = one(path)
    assert patient.table.columns["eval/success"].tolist() == RISES
    assert patient.log.problems == patient.log.notes == ()


def test_decimal_commas_in_quotes_between_commas(tmp_path: Path) -> None:
    path = tmp_path / "german.csv"
    lines = [
        f'"{s}","{str(y).replace(".", ",")}"' for s, y in zip(STEPS, RISES, strict=True)
    ]
    path.write_text("\n".join(["env_steps,eval/success", *lines]) + "\n")
    assert one(path).table.columns["eval/success"].tolist() == RISES


def test_a_short_compressed_file_that_was_cut_keeps_its_rows(tmp_path: Path) -> None:
    text = "env_steps,eval/success\n" + "".join(
        f"{s},{y}\n" for s, y in zip(STEPS, RISES, strict=True)
    )
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(text.encode())[:-12])
    table = one(path).table
    assert len(table.columns["env_steps"]) > 40
    assert (
        table.columns["eval/success"].tolist()
        == RISES[: len(table.columns["env_steps"])]
    )


@pytest.mark.parametrize(
    "name",
    [
        "environment step", "num_agent_steps_sampled", "total_num_steps", "t_env",
        "Env Interactions", "counters/env_steps_sampled", "transitions",
    ],
)  # fmt: skip
def test_a_name_of_env_steps_by_its_words(tmp_path: Path, name: str) -> None:
    path = tmp_path / "log.csv"
    lines = [f"{s},{y}" for s, y in zip(STEPS, RISES, strict=True)]
    path.write_text("\n".join([f"{name},success_rate", *lines]) + "\n")
    assert one(path).table.end == STEPS[-1]
    assert one(path).log.problems == ()


@pytest.mark.parametrize(
    "name", ["log_step", "optimizer_steps", "episode_steps", "time_step"]
)
def test_steps_of_something_else_are_no_env_steps(tmp_path: Path, name: str) -> None:
    path = tmp_path / "log.csv"
    lines = [f"{s},{y}" for s, y in zip(STEPS, RISES, strict=True)]
    path.write_text("\n".join([f"{name},success_rate", *lines]) + "\n")
    with pytest.raises(UserError, match="no column of env steps"):
        consult([path])


def test_the_step_of_lightnings_trainer_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    lines = [f"{s},{y}" for s, y in zip(STEPS, RISES, strict=True)]
    path.write_text("\n".join(["trainer/global_step,success_rate", *lines]) + "\n")
    assert "counts updates" in one(path).log.problems[0].reason


def test_signals_in_groups_of_networks(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    lines = [f"{s},{y},0.3,-2,5" for s, y in zip(STEPS, RISES, strict=True)]
    head = "step,success_rate,critic/loss,critic/q1,actor/loss"
    path.write_text("\n".join([head, *lines]) + "\n")
    table = one(path).table
    assert {
        "train/critic_loss",
        "train/q_mean",
        "train/actor_loss",
    } <= table.columns.keys()


@pytest.mark.parametrize("column", ["job_id", "run_id", "SLURM_JOB_ID"])
@pytest.mark.parametrize("back", [0, 4])
def test_a_job_that_was_queued_again_is_one_run(
    tmp_path: Path, column: str, back: int
) -> None:
    """The second job begins ``back`` rows before the first one ended."""
    path = tmp_path / "log.csv"
    rows = [(STEPS[i], RISES[i], "a81") for i in range(40)]
    rows += [(STEPS[i], RISES[i], "b07") for i in range(40 - back, 60)]
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join([f"env_steps,eval/success,{column}", *lines]) + "\n")
    patient = one(path)
    assert patient.table.columns["eval/success"].tolist() == RISES
    assert STEPS[40 - back] in patient.table.resumed_at


@pytest.mark.parametrize(
    ("column", "begins"), [("job_id", 0), ("seed", 40), ("env", 40)]
)
def test_other_columns_and_clocks_that_begin_again_tell_runs_apart(
    tmp_path: Path, column: str, begins: int
) -> None:
    path = tmp_path / "log.csv"
    rows = [(STEPS[i], RISES[i], "a") for i in range(40)]
    rows += [(STEPS[i], 0.01, "b") for i in range(begins, begins + 20)]
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join([f"env_steps,eval/success,{column}", *lines]) + "\n")
    assert len(consult([path]).patients) == 2


def test_two_seeds_of_two_jobs_each_are_two_runs(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    lines = [
        f"{STEPS[i]},{RISES[i]},{seed},{seed}{i // 30}"
        for seed in (1, 2)
        for i in range(60)
    ]
    path.write_text("\n".join(["env_steps,eval/success,seed,job_id", *lines]) + "\n")
    patients = consult([path]).patients
    assert [p.log.name for p in patients] == ["runs.csv seed=1", "runs.csv seed=2"]
    assert all(p.table.columns["eval/success"].tolist() == RISES for p in patients)


def test_a_clock_below_0_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("env_steps,success\n" + "".join(f"{-s},0.1\n" for s in STEPS))
    with pytest.raises(UserError, match="below 0 in each row"):
        consult([path])


@pytest.mark.parametrize(
    "name", ["eval/n_episodes", "eval_num_episodes", "test/episodes"]
)
def test_the_episodes_of_an_evaluation_are_no_training_episodes(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "log.csv"
    lines = [f"{s},{y},10" for s, y in zip(STEPS, RISES, strict=True)]
    path.write_text("\n".join([f"step,eval/success,{name}", *lines]) + "\n")
    table = one(path).table
    assert set(table.columns["eval/episodes"]) == {10.0}
    assert "episodes" not in table

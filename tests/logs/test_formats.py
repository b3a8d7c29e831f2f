"""Cells, clocks and tables: what a number is, which rows count, where a run ends."""

import json
from pathlib import Path

import numpy as np
import pytest

from puckrl.logs import bulk, delimited, json_lines
from puckrl.logs.cells import number
from puckrl.logs.frame import Frame
from puckrl.logs.read import read_logs

STEPS = range(1000, 21_000, 1000)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2,000", 2000),
        ("1,234,567.5", 1234567.5),
        ("2k", 2000),
        ("1.5M", 1.5e6),
        (" 85 % ", 0.85),
        ("TRUE", 1),
        ("inf", np.inf),
        ("1,23", None),
        ("soon", None),
        ("k", None),
        ("%", None),
    ],
)
def test_a_cell(cell: str, value: float | None) -> None:
    assert number(cell) == value


def same(one: Frame, other: Frame) -> None:
    assert one.rows == other.rows
    assert one.names == other.names
    assert one.columns.keys() == other.columns.keys()
    for name, values in one.columns.items():
        assert np.array_equal(values, other.columns[name], equal_nan=True), name
    assert dict(one.not_finite) == dict(other.not_finite)


@pytest.mark.parametrize(
    "rows",
    [
        ["1,0.5,x", "2,,y", "3,nan,z"],
        ["1,0.5,x", "2,0.25,y,", "3,1e-3,z"],
        ["1,5 %,x", "2,n/a,y", "3,inf,z"],
        ["1,0.5,x", "step,success,name", "1,0.75,x"],
    ],
)
def test_large_blocks_are_read_as_small_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["step,success,name", *rows]) + "\n")
    wanted = {"step", "success"}.__contains__
    careful = delimited.read_table(path, wanted)
    monkeypatch.setattr(delimited, "_BULK", 1)
    same(delimited.read_table(path, wanted), careful)


@pytest.mark.parametrize(
    "rows",
    [
        [{"a": 1, "b": {"c": 0.5}}, {"a": 2, "b": {"c": 1}}],
        [{"a": 1}] * 150 + [{"a": 2, "b": {"c": 3}}],
        [{"a": 1}, {"a": None}, {"b": {"c": True}}],
        [{"a": 1, "doctor/phase": "flat"}, {"a": 2}],
    ],
)
def test_large_blocks_of_lines_are_read_as_small_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, object]]
) -> None:
    """A name that comes late is no less read than one in the first line."""
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    wanted = {"a", "b/c"}.__contains__
    careful = json_lines.read_lines(path, wanted)
    assert careful.columns.keys() <= {"a", "b/c"}
    monkeypatch.setattr(json_lines, "_BULK", 1)
    same(json_lines.read_lines(path, wanted), careful)


def test_clean_text_needs_no_second_look() -> None:
    block = bulk.table(
        b"1,0.5\n2,0.6\n", ",", ["step", "b"], lambda n: True, lambda n: False
    )
    assert block is not None
    assert block.rows == 2


def table(tmp_path: Path, head: str, rows: list[str]) -> Path:
    path = tmp_path / "runs.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def test_results_of_several_runs_at_each_step_are_refused(tmp_path: Path) -> None:
    rows = [f"{s},{s / 30_000 + k / 100}" for s in STEPS for k in range(3)]
    (log,) = read_logs(table(tmp_path, "step,eval/success", rows))
    assert [f.name for f in log.problems] == ["several runs"]
    assert "holds 3 values" in log.problems[0].reason


def test_single_episodes_at_one_step_are_one_run(tmp_path: Path) -> None:
    rows = [f"{s},{k % 2}" for s in STEPS for k in range(3)]
    (log,) = read_logs(table(tmp_path, "step,success", rows))
    assert log.problems == ()


def test_runs_side_by_side_in_one_table(tmp_path: Path) -> None:
    head = "SAC_1/time/total_timesteps,SAC_1/rollout/success_rate"
    head += "," + head.replace("SAC_1", "SAC_2")
    rows = [f"{s},{s / 30_000},{s},{s / 60_000}" for s in STEPS]
    one, other = read_logs(table(tmp_path, head, rows))
    assert (one.name, other.name) == ("runs.csv SAC_1", "runs.csv SAC_2")
    assert other.table.columns["train/success"][-1] == 20_000 / 60_000


def test_a_header_in_the_middle_is_a_resume(tmp_path: Path) -> None:
    rows = [f"{s},{s / 30_000}" for s in STEPS]
    head = "env_steps,eval/success"
    (log,) = read_logs(table(tmp_path, head, [*rows[:10], head, *rows[10:]]))
    assert log.table.resumed_at == (11_000,)
    assert log.table.columns["env_steps"].tolist() == list(STEPS)


@pytest.mark.parametrize(
    ("name", "end"),
    [("steps (k)", 20_000_000), ("frames", 20_000), ("env_step", 20_000)],
)
def test_names_of_clocks(tmp_path: Path, name: str, end: float) -> None:
    rows = [f"{s},{s / 30_000}" for s in STEPS]
    (log,) = read_logs(table(tmp_path, f"{name},success_rate", rows))
    assert log.problems == ()
    assert log.table.end == end


@pytest.mark.parametrize("name", ["epoch", "iteration", "episode", "step"])
def test_clocks_that_count_something_else_are_asked_about(
    tmp_path: Path, name: str
) -> None:
    rows = [f"{i},{i / 30}" for i in range(20)]
    (log,) = read_logs(table(tmp_path, f"{name},success_rate", rows))
    assert [f.name for f in log.problems] == ["unknown clock"]
    assert f"--map '{name}=env_steps*N'" in log.problems[0].reason


def test_a_row_that_does_not_fit_is_left_out_and_named(tmp_path: Path) -> None:
    rows = [f"{s},{s / 30_000}" for s in STEPS] + ["21000,0.7,0.9", "22000"]
    (log,) = read_logs(table(tmp_path, "env_steps,eval/success", rows))
    assert log.notes == ("1 rows with more cells than the header's",)
    assert log.table.curve("eval/success").x[-1] == 20_000

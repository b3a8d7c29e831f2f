"""Tables of other shapes: cut, the other way round, long, a column for each seed."""

from pathlib import Path

import numpy as np
import pytest

from puckrl.core.errors import UserError
from puckrl.logs.aliases import called_success
from puckrl.logs.log import RunLog
from puckrl.logs.read import read_logs
from puckrl.logs.resume import linked

STEPS = np.arange(1, 31) * 2000
SUCCESS = np.round(np.linspace(0.02, 0.97, 30), 3)
PAIRS = [*zip(STEPS, SUCCESS, strict=True)]


def logs(path: Path, head: str, rows: list[str], *, end: str = "\n") -> list[RunLog]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *rows] if head else rows) + end)
    return read_logs(path)


def the_log(log: RunLog) -> None:
    """It is the one log of this page, in whichever shape."""
    assert [f.name for f in log.problems] == []
    assert log.table.curve("eval/success").x.tolist() == STEPS.tolist()
    assert log.table.curve("eval/success").y == pytest.approx(SUCCESS)


@pytest.mark.parametrize("lost", range(1, 13))
@pytest.mark.parametrize("bulk", [False, True])
def test_a_cell_that_the_end_of_the_file_cut_is_no_number(
    tmp_path: Path, lost: int, bulk: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bulk:
        monkeypatch.setattr("puckrl.logs.delimited._BULK", 1)
    rows = [f"{x},{y:.5f},7" for x, y in PAIRS]
    whole = rows[-1][: len(rows[-1]) - lost]
    (log,) = logs(
        tmp_path / "a.csv", "step,eval/success,x", [*rows[:-1], whole], end=""
    )
    success = log.table.curve("eval/success")
    known = len(STEPS) if "," in whole.partition(",")[2] else len(STEPS) - 1
    assert success.x.tolist() == STEPS[:known].tolist()
    assert success.y == pytest.approx(SUCCESS[:known])
    assert log.notes == ("the last line has no end: its last cell is not read",)


def test_a_cut_clock_is_no_row(tmp_path: Path) -> None:
    rows = [f"{y:.5f},{x}" for x, y in PAIRS]
    (log,) = logs(tmp_path / "a.csv", "eval/success,step", [*rows, "0.5,6"], end="")
    the_log(log)


@pytest.mark.parametrize(
    "name",
    ["loss/policy", "train/policy", "losses/agent", "time/run", "perf/model",
     "rollout/task", "x/env", "policy", "agent", "model"],
)  # fmt: skip
@pytest.mark.parametrize("every", [1, 3])
def test_a_signal_called_like_a_run_tells_none_apart(
    tmp_path: Path, name: str, every: int
) -> None:
    """A loss repeats its values; not every row has one."""
    rows = [
        f"{x},{y},{i % 5 / 10 if i % every == 0 else ''}"
        for i, (x, y) in enumerate(PAIRS)
    ]
    (log,) = logs(tmp_path / "a.csv", f"step,eval/success,{name}", rows)
    the_log(log)


@pytest.mark.parametrize("name", ["seed", "config/seed", "Run ID", "agent"])
def test_a_column_that_names_each_rows_run_tells_them_apart(
    tmp_path: Path, name: str
) -> None:
    rows = [f"{x},{y},{seed}" for seed in (3, 4) for x, y in PAIRS]
    one, other = logs(tmp_path / "a.csv", f"step,eval/success,{name}", rows)
    the_log(one)
    the_log(other)


def test_tasks_one_after_another_are_no_resume(tmp_path: Path) -> None:
    """Success falls where the next task begins; nothing was lost."""
    rows = [f"{x},{y},push" for x, y in PAIRS]
    rows += [f"{x + 60_000},{y},slide" for x, y in PAIRS]
    found = linked(logs(tmp_path / "a.csv", "step,eval/success,task", rows))
    assert [log.table.resumed_at for log in found] == [(), ()]


def test_newest_first(tmp_path: Path) -> None:
    rows = [f"{x},{y}" for x, y in reversed(PAIRS)]
    (log,) = logs(tmp_path / "a.csv", "step,eval/success", rows)
    the_log(log)
    assert "newest row stood first" in log.notes[0]


def test_of_two_columns_with_one_name_the_first_counts(tmp_path: Path) -> None:
    rows = [f"{x},{y},0.5" for x, y in PAIRS]
    (log,) = logs(tmp_path / "a.csv", "step,eval/success,eval/success", rows)
    the_log(log)
    assert log.notes == ("eval/success stands 2 times in the header: the first counts",)


@pytest.mark.parametrize(
    ("names", "runs"),
    [
        ("eval/success_seed0,eval/success_seed1", ["seed 0", "seed 1"]),
        ("eval_success/seed_3,eval_success/seed_7", ["seed 3", "seed 7"]),
        ("Seed 1/eval/success,Seed 2/eval/success", ["seed 1", "seed 2"]),
        ("run-1.eval_success,run-2.eval_success", ["run 1", "run 2"]),
    ],
)
def test_a_column_for_each_seed(tmp_path: Path, names: str, runs: list[str]) -> None:
    rows = [f"{x},{y},{y}" for x, y in PAIRS]
    found = logs(tmp_path / "a.csv", f"step,{names}", rows)
    assert [log.name.removeprefix("a.csv ") for log in found] == runs
    for log in found:
        the_log(log)


@pytest.mark.parametrize("order", ["rows", "signals"])
def test_long_tables(tmp_path: Path, order: str) -> None:
    rows = [
        f"{x},{tag},{y}" for x, y in PAIRS for tag in ("eval/success", "train/loss")
    ]
    if order == "signals":
        rows.sort(key=lambda row: row.split(",")[1])
    (log,) = logs(tmp_path / "a.csv", "step,metric,value", rows)
    the_log(log)


def test_long_tables_of_several_seeds(tmp_path: Path) -> None:
    rows = [f"{x},{seed},eval/success,{y}" for seed in (1, 2) for x, y in PAIRS]
    found = logs(tmp_path / "a.csv", "step,seed,tag,value", rows)
    assert len(found) == 2
    for log in found:
        the_log(log)


def test_two_runs_in_a_long_table_that_nothing_tells_apart(tmp_path: Path) -> None:
    rows = [f"{x},eval/success,{y}" for _ in (1, 2) for x, y in PAIRS]
    (log,) = logs(tmp_path / "a.csv", "step,tag,value", rows)
    assert [f.name for f in log.problems] == ["contaminated log"]


@pytest.mark.parametrize("stem", ["run-SAC_1-tag-eval_success_rate", "eval_success"])
def test_one_signal_in_a_file_of_its_name(tmp_path: Path, stem: str) -> None:
    rows = [f"{1e9 + x},{x},{y}" for x, y in PAIRS]
    (log,) = logs(tmp_path / f"{stem}.csv", "Wall time,Step,Value", rows)
    the_log(log)


def test_tags_of_torchrl_with_a_slash_are_folders(tmp_path: Path) -> None:
    scalars = tmp_path / "exp" / "scalars"
    rows = [f"{x},{y}" for x, y in PAIRS]
    logs(scalars / "eval" / "success.csv", "", rows)
    (alone,) = logs(scalars / "train" / "q_loss.csv", "", rows)
    (log,) = read_logs(tmp_path / "exp")
    the_log(log)
    assert log.name == "exp"
    assert "train/critic_loss" in log.table
    assert "train/critic_loss" in alone.table


def test_what_brax_calls_its_clock(tmp_path: Path) -> None:
    (log,) = logs(
        tmp_path / "a.csv", "num_steps,eval/success", [f"{x},{y}" for x, y in PAIRS]
    )
    the_log(log)


@pytest.mark.parametrize(
    ("head", "hint"),
    [
        ("wall time,reward,eval/success", "--map NAME=env_steps"),
        ("my counter,reward,eval/success", "--map 'my counter=env_steps'"),
    ],
)
def test_only_what_may_be_a_clock_is_proposed(
    tmp_path: Path, head: str, hint: str
) -> None:
    rows = [f"{x},{x / 1e5},{y}" for x, y in PAIRS]
    with pytest.raises(UserError) as error:
        logs(tmp_path / "a.csv", head, rows)
    assert hint in str(error.value)


def test_counts_of_successes_are_no_rate() -> None:
    assert not any(
        called_success(n) for n in ("n_success", "eval/n_successes", "num_success")
    )
    assert all(
        called_success(n) for n in ("mean_success", "success_rate", "eval/success")
    )

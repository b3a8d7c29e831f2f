"""Following a run folder of ours: its line in the table, its story, its curves."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from puckrl.config.presets import preset
from puckrl.doctor.consult import consult
from puckrl.runner.run_folder import Lock
from puckrl.runner.summaries import summary_of
from puckrl.web import own
from puckrl.web.own import OwnRun
from puckrl.web.view import told
from puckrl.web.vitals import left_s
from puckrl.web.whole_log import WholeLog
from tests.web.made import STEPS, VERDICT, clocks, made_run, rows, text


def looked(path: Path) -> OwnRun:
    run = OwnRun(path)
    run.look()
    return run


def test_the_row_says_what_puck_runs_says(tmp_path: Path) -> None:
    folder = made_run(tmp_path)
    row, summary = looked(folder.path).row, summary_of(folder.path)
    for name in ("status", "preset", "seed", "success", "env_steps", "updates"):
        assert getattr(row, name) == getattr(summary, name)
    assert (row.phase, row.color, row.words) == ("take-off", "green", "stalled")
    assert (row.status, row.ended_by, row.measure) == (
        "done",
        "success",
        "eval/success",
    )
    assert row.group == summary.config_hash
    assert row.ram_gb == 0.6
    assert row.left_s is None
    assert len(row.spark["x"]) == 10


def test_the_story_has_the_verdict_of_puck_doctor(tmp_path: Path) -> None:
    folder = made_run(tmp_path, evaluations=20)
    (folder.path / "card.md").write_text("# a card\n")
    story = looked(folder.path).story()
    (patient,) = consult([folder.path]).patients
    assert story.verdict == json.loads(json.dumps(told(patient.verdict)))
    assert story.card == "# a card\n"
    assert story.settings["agent.gamma"] == "0.8"
    assert story.others["seed"] == "0"
    assert story.made["command"] == "puck train reach"
    assert story.signals["train/q_mean"] == -2.0


def test_curves_are_those_of_the_log_on_every_clock(tmp_path: Path) -> None:
    run = looked(made_run(tmp_path, evaluations=4).path)
    found = run.curves(["eval/success", "train/q_mean"])
    steps = [5 * STEPS * i for i in (1, 2, 3, 4)]
    assert found["curves"]["eval/success"]["x"] == steps
    assert found["curves"]["train/q_mean"]["y"] == [-2.0] * 20
    at = found["clocks"]["env_steps"].index(steps[-1])
    for clock, value in clocks(20).items():
        if clock != "episodes":
            assert found["clocks"][clock][at] == value


def test_success_is_known_without_the_rows_of_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = looked(made_run(tmp_path).path)
    monkeypatch.setattr(WholeLog, "look", lambda self: pytest.fail("all was read"))
    assert len(run.curves(["eval/success"])["curves"]["eval/success"]["x"]) == 10


def test_a_run_that_goes_on_is_read_where_it_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "_SHARE", 1e9)
    folder = made_run(tmp_path, evaluations=4)
    folder.update_manifest(status="running", result=None)
    with Lock(folder.path):
        run = looked(folder.path)
        assert run.row.status == "running"
        assert run.row.left_s == pytest.approx(10.0 * (5_000 - 2_000) / 2_000)
        assert run.row.ram_gb is not None
        assert run.row.ram_gb > 0.01  # this process holds the lock
        assert len(run.curves(["train/q_mean"])["curves"]["train/q_mean"]["x"]) == 20
        before = run.story()
        with folder.metrics.open("a") as file:
            file.write(text(rows(6, begin=4)))
        assert run.look()
        assert len(run.curves(["train/q_mean"])["curves"]["train/q_mean"]["x"]) == 30
        assert run.story() != before
        assert not run.look() or run.row.ram_gb


def test_a_run_that_goes_on_is_judged_for_a_share_of_the_time(tmp_path: Path) -> None:
    folder = made_run(tmp_path, evaluations=4)
    folder.update_manifest(status="running", result=None)
    with Lock(folder.path):
        run = looked(folder.path)
        before = run.story()
        with folder.metrics.open("a") as file:
            file.write(text(rows(6, begin=4)))
        run.look()
        assert run.story() is before
    run.look()
    assert run.story() is not before


def test_a_run_that_is_over_keeps_curves_and_lets_its_rows_go(tmp_path: Path) -> None:
    run = looked(made_run(tmp_path).path)
    first = run.curves(["train/q_mean"])
    assert run._rows.table.rows == 0
    assert run.curves(["train/q_mean"]) == first


def test_a_vanished_folder_stays_as_it_was_last_seen(tmp_path: Path) -> None:
    folder = made_run(tmp_path)
    run = looked(folder.path)
    story = run.story()
    folder.path.rename(tmp_path / "elsewhere")
    assert run.look()
    assert (run.row.status, run.row.success) == ("gone", summary_success(tmp_path))
    assert "vanished" in str(run.row.ended_by)
    assert run.story() == story
    assert run.curves(["train/q_mean"])["curves"]["train/q_mean"]
    (tmp_path / "elsewhere").rename(folder.path)
    assert run.look()
    assert run.row.status == "done"


def summary_success(root: Path) -> float | None:
    return summary_of(root / "elsewhere").success


def test_a_renamed_folder_is_the_same_run(tmp_path: Path) -> None:
    folder = made_run(tmp_path)
    run = looked(folder.path)
    moved = tmp_path / "moved"
    folder.path.rename(moved)
    name = run.id
    run.move(moved)
    run.look()
    assert (run.id, run.row.name, run.row.status) == (name, "moved", "done")


@pytest.mark.parametrize(
    ("file", "content"),
    [("manifest.json", "{"), ("config.yaml", "preset: [\n"), ("metrics.jsonl", "\0{")],
)
def test_a_damaged_folder_hurts_nobody(tmp_path: Path, file: str, content: str) -> None:
    folder = made_run(tmp_path)
    (folder.path / file).write_text(content)
    run = looked(folder.path)
    assert run.row.name == folder.path.name
    if file != "metrics.jsonl":
        assert run.row.status == "damaged" or run.row.kind == "puckrl"


def test_nan_and_half_a_line_are_no_end(tmp_path: Path) -> None:
    folder = made_run(tmp_path, evaluations=3)
    with folder.metrics.open("a") as file:
        file.write(json.dumps({**clocks(99), "train/q_mean": None}) + "\n" + '{"env_')
    run = looked(folder.path)
    found = run.curves(["train/q_mean"])["curves"]["train/q_mean"]
    assert len(found["x"]) == 15
    json.dumps([run.row.as_dict(), run.story().as_dict(), found], allow_nan=False)


def test_the_time_left_follows_the_nearest_limit() -> None:
    budget = replace(preset("reach").budget, env_steps=1_000, train_s=100.0)
    assert left_s(budget, 250, 10.0) == pytest.approx(30.0)
    assert left_s(budget, 250, 50.0) == pytest.approx(50.0)
    assert left_s(budget, 2_000, 50.0) == 0.0
    assert left_s(budget, 0, 0.0) is None
    assert left_s(replace(budget, stop="never"), 250, 10.0) is None
    assert left_s(replace(budget, env_steps=0, train_s=0.0), 250, 10.0) is None


def test_verdicts_in_the_log_are_no_numbers(tmp_path: Path) -> None:
    run = looked(made_run(tmp_path).path)
    assert not [name for name in run.story().signals if name in VERDICT]

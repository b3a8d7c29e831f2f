"""What puck runs says of a folder of runs, damaged ones too."""

import io
import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from puckrl.cli import main
from puckrl.cli.options import SORTS, STATUSES
from puckrl.config.presets import preset
from puckrl.core.errors import UserError
from puckrl.report.rows import read_newest
from puckrl.runner import run_folder, runs_table, summaries
from puckrl.runner.run_folder import Lock, RunFolder
from puckrl.runner.runs_dir import in_runs_dir, run_names, runs_dir
from puckrl.runner.summaries import RunSummary, chosen, ordered, read_runs, summary_of

OLD_RUNS = Path(__file__).parent.parent / "old_runs"
REACH = "reach-5f0c6ce8-s0"


def a_run(root: Path, name: str = "reach", **manifest: Any) -> RunFolder:
    """Make a run folder with a manifest and no log."""
    folder = run_folder.create(root, replace(preset("reach"), preset=name))
    folder.update_manifest(**manifest)
    return folder


def log_rows(folder: RunFolder, *rows: dict[str, Any]) -> None:
    """Write a log."""
    folder.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))


EVALUATION = {"env_steps": 200, "updates": 50, "wall_s": 3.5, "eval/success": 0.25}
VERDICT = {"env_steps": 200, "updates": 50, "doctor/phase": "flat", "doctor/color": "yellow"}  # fmt: skip


def test_a_finished_run_is_told_by_its_manifest_and_its_log() -> None:
    found = summary_of(OLD_RUNS / REACH)
    assert (found.status, found.ended_by) == ("done", "budget")
    assert (found.preset, found.seed, found.config_hash) == ("reach", 0, "5f0c6ce8")
    assert (found.success, found.env_steps, found.updates) == (0.0, 400, 100)
    assert found.wall_s == pytest.approx(3.65373)
    assert found.total_s is None  # its version did not say
    assert found.as_dict()["began"] == "2026-11-29T03:07:37+00:00"


def test_both_clocks_and_the_verdict_are_those_of_the_last_rows(tmp_path: Path) -> None:
    folder = a_run(tmp_path, status="running")
    later = {"env_steps": 300, "updates": 75, "wall_s": 4.0, "train/success": 1.0}
    log_rows(
        folder, {"env_steps": 100, "eval/success": 0.9}, EVALUATION, VERDICT, later
    )
    found = summary_of(folder.path)
    assert (found.env_steps, found.updates, found.wall_s) == (300, 75, 4.0)
    assert (found.success, found.verdict, found.color) == (0.25, "flat", "yellow")


@pytest.mark.parametrize(("status", "total_s"), [("running", 9.0), ("finished", 12.0)])
def test_the_whole_command_ends_after_its_last_row(
    tmp_path: Path, status: str, total_s: float
) -> None:
    """While a run is resumed, its manifest still tells of the command before."""
    folder = a_run(tmp_path, status=status, clock={"total_s": 12.0})
    log_rows(folder, {"env_steps": 100, "train_s": 4.0, "total_s": 9.0})
    with Lock(folder.path) if status == "running" else nullcontext():
        found = summary_of(folder.path)
    assert (found.train_s, found.total_s) == (4.0, total_s)


@pytest.mark.parametrize(
    ("written", "status", "ended_by"),
    [
        ({"status": "finished", "stop": "dead"}, "done", "dead"),
        ({"status": "interrupted", "signal": "SIGTERM"}, "stopped", "SIGTERM"),
        ({"status": "running"}, "stopped", "killed"),
        ({"status": "starting"}, "stopped", "killed"),
        ({"status": "failed: No space: left"}, "failed", "No space: left"),
        ({"status": "asleep"}, "damaged", "manifest.json: unknown status 'asleep'"),
        ({"status": 3}, "damaged", "manifest.json: AttributeError"),
        ({"result": {}, "status": "finished"}, "damaged", "manifest.json: KeyError"),
    ],
)
def test_the_status_says_what_became_of_a_run(
    written: dict[str, Any], status: str, ended_by: str, tmp_path: Path
) -> None:
    found = summary_of(a_run(tmp_path, **written).path)
    assert found.status == status
    assert found.ended_by is not None
    assert found.ended_by.startswith(ended_by)


def test_a_run_is_running_while_its_writer_lives(tmp_path: Path) -> None:
    folder = a_run(tmp_path, status="running")
    with Lock(folder.path):
        assert summary_of(folder.path).status == "running"
    assert summary_of(folder.path).status == "stopped"


def test_asking_whether_a_run_lives_keeps_no_writer_out(tmp_path: Path) -> None:
    """The question takes the lock for a moment; a writer that begins then waits."""
    import fcntl

    folder = a_run(tmp_path)
    (folder.path / "lock").touch()
    with (folder.path / "lock").open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        with pytest.raises(UserError, match="is writing"), Lock(folder.path):
            pass  # whoever keeps it longer is a writer
        fcntl.flock(asking, fcntl.LOCK_UN)
    with Lock(folder.path):
        assert folder.is_running()


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("manifest.json", "{", "manifest.json is not JSON"),
        ("manifest.json", "[]", "manifest.json holds no JSON object"),
        ("manifest.json", '{"time": "noon"}', "manifest.json: ValueError"),
        ("config.yaml", None, "config.yaml is missing"),
        ("config.yaml", "", "config.yaml is not a configuration, or it is cut short"),
        ("config.yaml", "preset: rea", "config.yaml is not a configuration, or it is"),
        ("metrics.jsonl", "nonsense\n{}\n", "metrics.jsonl: a line is no JSON object"),
    ],
)
def test_a_damaged_run_is_one_line_and_hides_no_other(
    file: str,
    text: str | None,
    reason: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(OLD_RUNS / REACH, tmp_path / REACH)
    shutil.copytree(OLD_RUNS / REACH, tmp_path / "bad")
    if text is None:
        (tmp_path / "bad" / file).unlink()
    else:
        (tmp_path / "bad" / file).write_text(text)
    assert main(["runs", "--runs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3, lines
    head, sound, damaged = lines
    assert head.startswith("run ")
    assert sound.startswith(REACH)
    assert damaged.startswith(f"damaged: {tmp_path / 'bad'}: {reason}")


def test_a_half_written_last_line_is_no_damage(tmp_path: Path) -> None:
    folder = a_run(tmp_path, status="running")
    log_rows(folder, EVALUATION, VERDICT)
    with folder.metrics.open("a") as log:
        log.write('{"env_steps": 30')
    assert summary_of(folder.path).env_steps == 200


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 16])
def test_the_end_of_a_log_is_read_in_blocks_of_any_size(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: the last rows among all rows."""
    monkeypatch.setattr("puckrl.report.rows._BLOCK", block)
    file = tmp_path / "metrics.jsonl"
    rows = [EVALUATION | {"env_steps": n, "é": "ü" * n} for n in range(1, 9)]
    lines = [json.dumps(row, ensure_ascii=False) for row in [*rows, VERDICT]]
    file.write_text("\n".join(lines) + "\n\n")
    newest = read_newest(file)
    assert newest.clock == newest.evaluation == {**EVALUATION, "env_steps": 8}
    assert newest.verdict == VERDICT
    file.write_text("")
    assert read_newest(file) == (None, None, None)


def test_little_of_a_long_log_is_read(tmp_path: Path) -> None:
    """A damaged beginning of a long log is not noticed: it was not read."""
    file = tmp_path / "metrics.jsonl"
    row = json.dumps(EVALUATION) + "\n"
    file.write_text("no JSON\n" + row * 5_000)
    assert read_newest(file).clock == EVALUATION
    file.write_text("no JSON\n" + row.replace("eval/success", "train/success") * 5_000)
    with pytest.raises(UserError, match="no JSON object: 'no JSON'"):
        read_newest(file)


def some(name: str, **known: Any) -> RunSummary:
    """A summary of which little is known."""
    return RunSummary(name, Path("runs") / name, known.pop("status", "done"), **known)


SOME = [
    some("b", preset="push", success=0.5, began=1.0),
    some("a", preset="push-pixels", success=None, began=3.0, status="failed"),
    some("c", preset="reach", success=0.9, began=2.0),
]


@pytest.mark.parametrize(
    ("by", "reverse", "names"),
    [
        ("age", False, "acb"),
        ("age", True, "bca"),
        ("name", False, "abc"),
        ("name", True, "cba"),
        ("success", False, "cba"),
        ("success", True, "bca"),  # what is not known comes last either way
        ("preset", False, "bac"),
        ("env-steps", False, "abc"),
    ],
)
def test_runs_are_ordered(by: str, reverse: bool, names: str) -> None:
    found = ordered(SOME, by, reverse=reverse)
    assert "".join(run.name for run in found) == names


@pytest.mark.parametrize(
    ("presets", "statuses", "names"),
    [
        ([], [], "bac"),
        (["push"], [], "b"),
        (["push*"], [], "ba"),
        (["push", "reach"], [], "bc"),
        ([], ["failed"], "a"),
        (["push*"], ["done"], "b"),
    ],
)
def test_runs_are_chosen(presets: list[str], statuses: list[str], names: str) -> None:
    assert "".join(run.name for run in chosen(SOME, presets, statuses)) == names


def test_every_order_and_status_of_the_command_line_is_known() -> None:
    assert STATUSES == summaries.STATUSES
    for by in SORTS:
        assert len(ordered(SOME, by)) == len(SOME)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 160])
def test_the_table_fits_every_terminal(width: int) -> None:
    runs = [
        replace(summary_of(path), verdict="never learned", color="red")
        for path in sorted(OLD_RUNS.iterdir())
    ]
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(runs_table.render(runs, 2e9, width))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    assert all("…" not in line for line in lines)
    titles = [column.title for column in runs_table.fitting(runs, 2e9, width)]
    assert titles[:1] == ["run"]
    assert ("preset" in titles) == (width >= 160)
    assert ("verdict" in titles) == (width >= 60)


def test_a_pipe_gets_every_column_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--runs", str(OLD_RUNS), "--sort", "name"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    for column in runs_table.COLUMNS:
        assert column.title in head
    assert [row.split()[0] for row in rows] == sorted(
        p.name for p in OLD_RUNS.iterdir()
    )
    assert "\x1b" not in head


def test_options_choose_order_and_cut(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["runs", "--runs", str(OLD_RUNS), "--preset", "push*", "--sort", "name"]
    assert main([*argv, "--reverse", "-n", "1", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["name"].startswith("push-pixels-eb8d758c")
    assert found["success"] == 0.0
    assert main([*argv, "--status", "failed"]) == 0
    assert "no runs in" in capsys.readouterr().out


def test_no_folder_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "--runs", str(tmp_path / "none")]) == 2
    assert "does not exist; puck train makes it" in capsys.readouterr().err
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        read_runs(tmp_path / "file")
    assert main(["runs", "--runs", str(tmp_path)]) == 0
    assert "no runs in" in capsys.readouterr().out


def test_the_option_wins_over_the_environment(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("PUCK_RUNS", raising=False)
    assert runs_dir() == Path("runs")
    monkeypatch.setenv("PUCK_RUNS", "")
    assert runs_dir() == Path("runs")
    monkeypatch.setenv("PUCK_RUNS", str(OLD_RUNS))
    assert runs_dir() == OLD_RUNS
    assert main(["runs"]) == 0
    assert REACH in capsys.readouterr().out
    assert main(["runs", "--runs", str(tmp_path)]) == 0
    assert REACH not in capsys.readouterr().out
    assert main(["doctor", REACH]) == 0
    assert REACH in capsys.readouterr().out
    assert main(["runs", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "puck: --root was renamed; use --runs\n"


def test_a_path_that_exists_is_not_looked_up(tmp_path: Path) -> None:
    assert in_runs_dir(Path(REACH), OLD_RUNS) == OLD_RUNS / REACH
    assert in_runs_dir(tmp_path, OLD_RUNS) == tmp_path
    assert in_runs_dir(Path("nowhere"), OLD_RUNS) == Path("nowhere")


@pytest.mark.parametrize("command", ["eval", "record", "doctor", "train --resume"])
def test_a_misspelt_run_is_told_the_closest(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [*command.split(), "reach-5f0c6ce8", "--runs", str(OLD_RUNS)]
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert f"did you mean {REACH}?" in error
    assert "puck runs" in error
    assert error.count("\n") == 1


def test_names_are_listed_from_the_newest(tmp_path: Path) -> None:
    import os

    for age, name in enumerate(("old", "older", "oldest")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.yaml").touch()
        os.utime(folder / "config.yaml", (1e9 - age, 1e9 - age))
    (tmp_path / "no run").mkdir()
    assert run_names(tmp_path) == ["old", "older", "oldest"]

"""A run is tied to its task's files: edited, moved, played from elsewhere."""

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from puckrl.config.presets import preset
from puckrl.core.errors import UserError
from puckrl.runner import run_folder
from puckrl.runner.foreign_files import foreign_files
from puckrl.runner.kept_task import keep, task_now, task_to_play, task_to_resume
from puckrl.runner.run_folder import RunFolder
from puckrl.tasks.catalog import make_task

TASK = """
from pathlib import Path
from sizes import TOL_M
from puckrl.tasks.fetch.reach import FetchReach

SCENE = Path(__file__).parent / "assets" / "scene.xml"

class Mine(FetchReach):
    goal_tol_m = TOL_M
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a task of three files, and some that are none of its."""
    home = tmp_path / "home"
    (home / "assets").mkdir(parents=True)
    (home / "mine.py").write_text(TASK)
    (home / "sizes.py").write_text("TOL_M = 0.05\n")
    (home / "assets/scene.xml").write_text('<mujoco><mesh file="cube.stl"/></mujoco>')
    (home / "assets/cube.stl").write_bytes(b"\xff\x00")
    (home / "assets/other.stl").write_bytes(b"")
    (home / "unused.py").touch()
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def run(home: Path) -> RunFolder:
    folder = run_folder.create(
        home / "runs", replace(preset("reach"), task="mine.py:Mine")
    )
    keep(folder, "mine.py:Mine")
    return folder


def _tolerance(task: str) -> float:
    return make_task(task).goal_tol_m


def test_the_task_is_kept_with_what_it_imports_and_names(run: RunFolder) -> None:
    kept = {p.relative_to(run.kept_task).as_posix() for p in run.kept_task.rglob("*.*")}
    assert kept == {"mine.py", "sizes.py", "assets/scene.xml", "assets/cube.stl"}
    assert foreign_files(run) == []


def test_an_unchanged_task_is_played_where_it_is(
    run: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    assert task_to_play(run) == "mine.py:Mine" == task_to_resume(run)
    os.chdir("/")
    file = run.path.parent.parent / "mine.py"
    assert task_to_play(run) == f"{file.relative_to('/')}:Mine"
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("mine.py", TASK.replace("= TOL_M", "= 0.5"), "mine.py (- goal_tol_m = TOL_M"),
        ("sizes.py", "TOL_M = 0.5\n", "sizes.py (- TOL_M = 0.05 | + TOL_M = 0.5)"),
        (
            "assets/scene.xml",
            "<mujoco/>",
            "assets/cube.stl is gone, or no longer named",
        ),
        ("assets/cube.stl", "\x01", "assets/cube.stl differs"),
    ],
)
def test_an_edit_is_told_and_the_copy_is_played(
    run: RunFolder,
    home: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    text: str,
    told: str,
) -> None:
    """The habit: edit the task's file, or one beside it, and judge an old run again."""
    (home / name).write_text(text)
    played = task_to_play(run)
    assert told in caplog.text
    assert "--task mine.py:Mine" in caplog.text
    assert Path(played.rpartition(":")[0]).is_relative_to(run.path)
    assert _tolerance(played) == 0.05
    with pytest.raises(UserError, match=r"has changed since .*--task kept"):
        task_to_resume(run)
    assert task_to_resume(run, "kept") == played
    assert _tolerance("mine.py:Mine") == (0.5 if name.endswith(".py") else 0.05)


def test_a_changed_task_is_played_if_asked_for(
    run: RunFolder, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (home / "sizes.py").write_text("TOL_M = 0.5\n")
    assert task_to_play(run, "mine.py") == "mine.py:Mine"
    assert "is not what" in caplog.text
    with pytest.raises(UserError, match="one folder, one task"):
        task_to_resume(run, "mine.py")


def test_a_moved_file_is_found_or_its_copy_played(
    run: RunFolder, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The habit: rename the file, or tidy up."""
    (home / "mine.py").rename(home / "moved.py")
    assert task_to_play(run, "moved.py") == "moved.py:Mine"
    assert task_to_resume(run, "moved.py:Mine") == "moved.py:Mine"
    assert caplog.text == ""
    copy = task_to_play(run)
    assert "is gone" in caplog.text
    assert copy == task_to_resume(run) == f"{run.kept_task / 'mine.py'}:Mine"


def test_an_edited_copy_is_refused(run: RunFolder, home: Path) -> None:
    (run.kept_task / "sizes.py").write_text("TOL_M = 0.5\n")
    with pytest.raises(UserError, match="edited the run's copy"):
        task_to_play(run, "kept")


def test_a_place_without_a_file_is_refused(run: RunFolder) -> None:
    for place in ("nowhere.py", "nowhere.py:Mine"):
        with pytest.raises(UserError, match=r"no file 'nowhere.py'"):
            task_to_play(run, place)


def test_a_task_of_ours_has_no_copy(
    tmp_path: Path, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = run_folder.create(tmp_path, preset("reach"))
    keep(folder, "reach")
    assert not folder.kept_task.exists()
    assert task_to_play(folder) == task_to_resume(folder) == "reach"
    with pytest.raises(UserError, match="write FILE:ClassName"):
        task_to_play(folder, "mine.py")
    assert task_to_play(folder, "mine.py:Mine") == "mine.py:Mine"
    assert "not reach" in caplog.text
    with pytest.raises(UserError, match="needs a new run"):
        task_to_resume(folder, "mine.py:Mine")


def test_a_run_of_an_earlier_version_knows_one_hash(
    run: RunFolder, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = run.manifest()["task"]["sha256"]["mine.py"]
    run.update_manifest(task={}, task_sha256=old)
    run.kept_task.rename(home / "away")
    assert task_to_play(run) == "mine.py:Mine" == task_to_resume(run)
    assert caplog.text == ""
    (home / "mine.py").write_text(TASK + "\n# edited\n")
    assert task_to_play(run) == "mine.py:Mine"
    assert caplog.records[-1].levelno == logging.WARNING
    with pytest.raises(UserError, match=r"has changed since"):
        task_to_resume(run)
    (home / "mine.py").unlink()
    with pytest.raises(UserError, match=r"--task path/to/file.py"):
        task_to_play(run)


def test_a_file_that_is_edited_while_the_run_goes_on_is_not_played(
    home: Path, run: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    """A judge beside the learner and the video load the task again."""
    assert task_now(run, "mine.py:Mine") == "mine.py:Mine"
    (home / "mine.py").write_text(TASK.replace("TOL_M\n", "10 * TOL_M\n"))
    assert not caplog.records
    assert _tolerance(task_now(run, "mine.py:Mine")) == 0.05
    assert "goes on with its own copy" in caplog.text
    (home / "mine.py").unlink()
    assert _tolerance(task_now(run, "mine.py:Mine")) == 0.05
    copy = task_to_play(run, "kept")
    assert task_now(run, copy) == copy

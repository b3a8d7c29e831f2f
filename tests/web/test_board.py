"""Finding runs, following them, and numbering what changes."""

import json
import shutil
from pathlib import Path

import pytest

from puckrl.core.errors import UserError
from puckrl.web import board as boards
from puckrl.web.board import Board, refuse_unreadable
from tests.web.made import made_run

CASES = Path(__file__).parent.parent / "logs/cases"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for new runs each time."""
    monkeypatch.setattr(boards, "_FIND_S", 0.0)
    monkeypatch.setattr(boards, "_SHARE", 1e9)


def names(board: Board) -> list[str]:
    return sorted(run.row.name for run in board.runs)


def test_runs_are_found_when_they_begin_and_told_once(tmp_path: Path) -> None:
    board = Board([tmp_path])
    board.look()
    assert board.since(-1)[1]["rows"] == []
    first = made_run(tmp_path)
    board.look()
    rev, news = board.since(-1)
    assert [row["name"] for row in news["rows"]] == [first.path.name]
    assert board.since(rev)[1]["rows"] == []
    second = made_run(tmp_path, seed=1)
    board.look()
    _, news = board.since(rev)
    assert [row["name"] for row in news["rows"]] == [second.path.name]
    json.dumps(news, allow_nan=False)


def test_who_waits_is_woken_by_news(tmp_path: Path) -> None:
    board = Board([tmp_path])
    board.look()
    assert not board.wait(board.rev, 0.01)
    made_run(tmp_path)
    board.look()
    assert board.wait(0, 0.01)


def test_a_renamed_folder_is_told_under_its_new_name(tmp_path: Path) -> None:
    folder = made_run(tmp_path)
    board = Board([tmp_path])
    board.look()
    folder.path.rename(tmp_path / "renamed")
    board.look()
    assert names(board) == ["renamed"]
    assert [run.row.status for run in board.runs] == ["done"]


def test_a_vanished_folder_is_told_as_gone(tmp_path: Path) -> None:
    folder = made_run(tmp_path)
    board = Board([tmp_path])
    board.look()
    rev, _ = board.since(-1)
    shutil.rmtree(folder.path)
    board.look()
    assert [row["status"] for row in board.since(rev)[1]["rows"]] == ["gone"]


def test_logs_of_other_libraries_are_read_again_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("puckrl.web.foreign._LEAST_S", 0.0)
    monkeypatch.setattr("puckrl.web.foreign._SHARE", 1e9)
    log = tmp_path / "three-seeds.csv"
    shutil.copy(CASES / "three-seeds.csv", log)
    made_run(tmp_path / "runs")
    board = Board([tmp_path])
    board.look()
    assert len(board.runs) == 4
    rows = {run.row.name: run.row.rows for run in board.runs}
    text = log.read_text().splitlines()
    log.write_text("\n".join(text[: len(text) // 2]) + "\n")
    rev = board.rev
    board.look()
    assert board.rev > rev
    assert sum(run.row.rows for run in board.runs) < sum(rows.values())
    log.unlink()
    board.look()
    assert len(board.runs) == 1
    assert len(board.since(-1)[1]["gone"]) == 3


@pytest.mark.parametrize("case", sorted(p.name for p in CASES.iterdir()))
def test_whatever_the_doctor_reads_is_shown(case: str) -> None:
    board = Board([CASES / case])
    board.look()
    assert board.runs
    for run in board.runs:
        story = run.story().as_dict()
        curves = run.curves([*story["signals"]])
        json.dumps([run.row.as_dict(), story, curves], allow_nan=False)
        assert run.row.ended_by or run.row.phase


def test_runs_of_a_study_belong_to_it(tmp_path: Path) -> None:
    study = tmp_path / "gamma-1a2b3c4d"
    made_run(study / "runs")
    about = {"arms": [{"name": "base"}, {"name": "low"}], "seeds": [0, 1]}
    (study / "study.json").write_text(json.dumps({**about, "measure": "success"}))
    (study / "runs.csv").write_text("arm,seed\nbase,0\n")
    (study / "report.md").write_text("# gamma\n")
    for paths in ([tmp_path], [study]):
        board = Board(paths)
        board.look()
        (view,) = (one.view for one in board.studies)
        assert view.report == "# gamma\n"
        assert view.question == "low against base, 2 seeds each at most, by success"
        assert view.runs == tuple(run.id for run in board.runs)
        assert len(view.runs) == 1


def test_a_study_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text("{")
    board = Board([tmp_path])
    board.look()
    (study,) = board.studies
    assert "cannot be read" in study.view.question


def test_paths_with_nothing_to_watch_are_refused(tmp_path: Path) -> None:
    refuse_unreadable([tmp_path])  # it may fill later
    with pytest.raises(UserError, match="no log at"):
        refuse_unreadable([tmp_path / "nowhere"])
    (tmp_path / "film.mp4").write_bytes(b"x")
    with pytest.raises(UserError, match="is no log"):
        refuse_unreadable([tmp_path / "film.mp4"])

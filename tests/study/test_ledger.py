"""A study's folder: written first, one writer, changes on record, states after a kill."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from puckrl.core.clock import Clock
from puckrl.core.errors import UserError
from puckrl.runner.run_folder import RunFolder
from puckrl.study import folder as folders
from puckrl.study.jobs import State
from puckrl.study.ledger import Ledger, read_states
from tests.study.small import small_study, with_budget

HERE = {"torch version": "2", "cpu": "a"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text("base: tiny\nseeds: 2\n")
    return path


def finish(folder: RunFolder, stop: str = "budget", **manifest: object) -> None:
    """Leave what a finished run leaves."""
    folder.path.mkdir(parents=True, exist_ok=True)
    clock = asdict(Clock(env_steps=600))
    folder.update_manifest(status="finished", stop=stop, clock=clock, **manifest)


def state_of(ledger: Ledger) -> list[State]:
    return [ledger.states[job.name].state for job in ledger.jobs]


def test_what_is_compared_is_written_before_the_first_run(
    tmp_path: Path, file: Path
) -> None:
    study = small_study()
    path = folders.create(tmp_path, study, {"circumstances": HERE}, file)
    assert path.name == f"small-{study.digest}"
    told = folders.described(path)
    assert told["seeds"] == [0, 1]
    assert told["measure"] == "final_success"
    assert told["file"] == file.read_text()
    assert [arm["config"]["agent"]["gamma"] for arm in told["arms"]] == [0.95, 0.9]
    assert folders.circumstances_of(path) == HERE
    assert folders.find(tmp_path, study) == path
    assert folders.find(tmp_path, small_study(seeds=3)) is None
    assert list((path / "runs").iterdir()) == []


def test_a_kill_before_study_json_leaves_no_study(tmp_path: Path, file: Path) -> None:
    study = small_study()
    path = folders.folder_name(tmp_path, study)
    (path / "runs").mkdir(parents=True)
    (path / "study.tmp").write_text("{")
    assert folders.find(tmp_path, study) is None
    assert folders.earlier(tmp_path, "small") == []
    assert folders.create(tmp_path, study, {}, file) == path
    assert folders.find(tmp_path, study) == path


def test_a_study_of_a_longer_name_is_not_taken_for_one(
    tmp_path: Path, file: Path
) -> None:
    folders.create(tmp_path, replace(small_study(), name="small-two"), {}, file)
    assert folders.earlier(tmp_path, "small") == []


def test_one_process_writes(tmp_path: Path, file: Path) -> None:
    study = small_study()
    path = folders.create(tmp_path, study, {}, file)
    with (
        Ledger(path, study),
        pytest.raises(UserError, match="is writing"),
        Ledger(path, study),
    ):
        pass
    with Ledger(path, study):
        pass


def test_states_outlive_the_process(tmp_path: Path, file: Path) -> None:
    study = small_study()
    path = folders.create(tmp_path, study, {}, file)
    with Ledger(path, study) as ledger:
        ledger.record(ledger.jobs[0], "running")
        ledger.record(ledger.jobs[0], "failed", "no disk")
        ledger.record(ledger.jobs[0], "running")
        ledger.note("session", host="here")
        ledger.record(ledger.jobs[1], "failed", "no GPU")
    with Ledger(path, study) as ledger:
        assert state_of(ledger) == ["running", "failed", "queued", "queued"]
        assert ledger.states[ledger.jobs[0].name].starts == 2
        assert read_states(path)[ledger.jobs[1].name].detail == "no GPU"
        assert ledger.counts() == {"running": 1, "failed": 1, "queued": 2}


def test_run_folders_hold_the_truth_after_a_kill(tmp_path: Path, file: Path) -> None:
    study = small_study()
    path = folders.create(tmp_path, study, {}, file)
    with Ledger(path, study) as ledger:
        for job in ledger.jobs[:3]:
            ledger.record(job, "running")
        finish(ledger.folder_of(ledger.jobs[0]))
        ledger.folder_of(ledger.jobs[1]).path.mkdir()
        finish(ledger.folder_of(ledger.jobs[2]))
        red = {"name": "divergence", "color": "red", "reason": "Q"}
        row = {"env_steps": 1, "doctor/phase": "flat", "doctor/findings": [red]}
        ledger.folder_of(ledger.jobs[2]).metrics.write_text(json.dumps(row) + "\n")
    with Ledger(path, study) as ledger:
        ledger.settle()
        expected: list[State] = ["done", "interrupted", "diverged", "queued"]
        assert state_of(ledger) == expected
        ledger.settle()
    assert len(folders.journal_of(path).read().entries) == 3 + 3, "settled once"


def test_a_damaged_manifest_is_not_taken_for_a_finished_run(
    tmp_path: Path, file: Path
) -> None:
    study = small_study()
    path = folders.create(tmp_path, study, {}, file)
    with Ledger(path, study) as ledger:
        ledger.record(ledger.jobs[0], "running")
        folder = ledger.folder_of(ledger.jobs[0]).path
        folder.mkdir()
        (folder / "manifest.json").write_text('{"status": "finished", ')
        ledger.settle()
        assert state_of(ledger)[0] == "interrupted"


def test_an_amendment_keeps_what_was_and_shows_the_difference(
    tmp_path: Path, file: Path
) -> None:
    study = small_study()
    path = folders.create(tmp_path, study, {"circumstances": HERE}, file)
    before = (path / "study.json").read_bytes()
    longer = with_budget(replace(study, seeds=(0, 1, 2)), 900)
    file.write_text("base: tiny\nseeds: 3\n")
    with Ledger(path, study) as ledger:
        finish(ledger.folder_of(ledger.jobs[0]))
        ledger.settle()
    with Ledger(path, longer) as ledger:
        folders.amend(path, longer, file, ["more seeds"], {"cpu": "b"})
        ledger.settle()
        assert state_of(ledger) == ["interrupted", *["queued"] * 5], "it goes on"
    (change,) = folders.amendments(path)
    assert change["diff"] == ["-seeds: 2", "+seeds: 3"]
    assert change["reasons"] == ["more seeds"]
    assert "seeds: [0, 1] -> [0, 1, 2]" in change["changed"]
    assert "arms.base.config.budget.env_steps: 600 -> 900" in change["changed"]
    assert (path / "study.json").read_bytes() == before
    assert folders.find(tmp_path, longer) == path
    assert folders.find(tmp_path, study) is None, "it is that study no more"
    assert folders.circumstances_of(path) == {"cpu": "b"}


def test_what_cannot_be_written_or_read_is_one_line(tmp_path: Path, file: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    with pytest.raises(UserError, match="cannot write to"):
        folders.create(blocked, small_study(), {}, file)
    with pytest.raises(UserError, match=r"no study\.json"):
        folders.described(tmp_path)
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        folders.described(tmp_path)

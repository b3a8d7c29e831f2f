"""Run folders: their names, who may write, what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from puckrl.config.presets import preset
from puckrl.config.run_cfg import config_hash
from puckrl.core.errors import UserError
from puckrl.core.types import Spaces
from puckrl.runner import run_folder
from puckrl.runner.foreign_files import foreign_files, refuse_foreign_files
from puckrl.runner.writer import sign_in

CFG = replace(preset("reach"), seed=3)
CPU = torch.device("cpu")


def test_the_name_is_preset_hash_seed_and_number(tmp_path: Path) -> None:
    first, second = run_folder.create(tmp_path, CFG), run_folder.create(tmp_path, CFG)
    assert first.path.name == f"reach-{config_hash(CFG)}-s3"
    assert second.path.name == f"reach-{config_hash(CFG)}-s3-2"
    assert first.config() == CFG


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    run_folder.create_at(tmp_path / "run", CFG)
    other = replace(CFG, agent=replace(CFG.agent, gamma=0.9))
    with pytest.raises(UserError, match="holds another configuration"):
        run_folder.create_at(tmp_path / "run", other)
    with pytest.raises(UserError, match="holds another configuration"):
        run_folder.create_at(tmp_path / "run", replace(CFG, seed=4))
    with pytest.raises(UserError, match="--resume"):
        run_folder.create_at(tmp_path / "run", CFG)


def test_a_folder_with_foreign_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1.elsewhere.77.0").write_text("")
    with pytest.raises(UserError, match=r"other files \(events.out.tfevents"):
        run_folder.create_at(tmp_path, CFG)


def test_foreign_event_files_in_a_run_are_refused(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path, CFG)
    sign_in(folder, CPU, Spaces(25, 3, 4, 50), (-1.0, 0.0))
    me = folder.manifest()["writers"][0]
    folder.tensorboard.mkdir()
    (folder.tensorboard / f"events.out.tfevents.1.{me}.0").write_text("")
    refuse_foreign_files(folder)
    (folder.tensorboard / "events.out.tfevents.1.elsewhere.77.0").write_text("")
    with pytest.raises(UserError, match="did not write"):
        refuse_foreign_files(folder)


@pytest.mark.parametrize(
    ("name", "alien"),
    [
        ("policy.part.mp4", False),  # left by a kill in the middle of filming
        ("metrics.tmp", False),
        ("config.yaml.tmp", False),
        ("look.gif", False),
        ("notes.txt", False),
        ("result.json", False),
        ("metrics-2.jsonl", True),
        ("progress.csv", True),
        ("events.out.tfevents.1.elsewhere.77.0", True),
    ],
)
def test_what_a_run_and_its_user_leave_is_no_second_log(
    tmp_path: Path, name: str, alien: bool
) -> None:
    folder = run_folder.create(tmp_path, CFG)
    (folder.path / "metrics.jsonl").touch()
    (folder.path / name).touch()
    assert foreign_files(folder) == ([folder.path / name] if alien else [])


def test_a_folder_within_a_run_is_foreign(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path, CFG)
    for name in ("tb", "checkpoints", "checkpoints-1", "diverged", "reach-1a2b3c4d-s0"):
        (folder.path / name).mkdir()
    assert foreign_files(folder) == [folder.path / "reach-1a2b3c4d-s0"]


def test_a_lock_that_its_owner_took_away_is_no_lock(tmp_path: Path) -> None:
    """A process that waited for the old file must not own the lock next to a new one."""
    one = run_folder.Lock(tmp_path)
    one.__enter__()
    waiting = (tmp_path / "lock").open("a+")  # opened before, locked after
    one.__exit__(None, None, None)
    with run_folder.Lock(tmp_path) as owner:
        assert not owner._locked(waiting)
        with (
            pytest.raises(UserError, match="is writing"),
            run_folder.Lock(tmp_path),
        ):
            pass
    waiting.close()


@pytest.mark.parametrize("text", ["", "preset: [", "5", "sim: {}\nnope: 1"])
def test_a_broken_configuration_is_one_line(tmp_path: Path, text: str) -> None:
    folder = run_folder.create(tmp_path, CFG)
    (folder.path / "config.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        folder.config()
    assert "\n" not in str(caught.value)


def test_a_broken_manifest_is_one_line(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path, CFG)
    (folder.path / "manifest.json").write_text('{"status": ')
    with pytest.raises(UserError, match="is not JSON"):
        folder.manifest()


@pytest.mark.parametrize("name", ["../../x", "a/b", ""])
def test_a_preset_whose_name_is_no_folders_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(UserError, match="names the run folder"):
        run_folder.create(tmp_path, replace(CFG, preset=name))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_locked_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="cannot write to"),
        run_folder.Lock(tmp_path / "no"),
    ):
        pass


def test_a_file_is_no_folder_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        run_folder.create_at(tmp_path / "file", CFG)


def test_a_second_living_writer_is_refused_by_name(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path, CFG)
    with run_folder.Lock(folder.path):
        with (
            pytest.raises(UserError, match="is writing"),
            run_folder.Lock(folder.path),
        ):
            pass
        # the refused one must not have taken the name away from the first
        assert "process" in (folder.path / "lock").read_text()
    with run_folder.Lock(folder.path):
        pass


def test_a_dead_writers_lock_file_does_not_bar_the_way(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path, CFG)
    (folder.path / "lock").write_text("process 1 on elsewhere\n")
    with run_folder.Lock(folder.path):
        pass


def test_an_unknown_run_lists_the_known_ones(tmp_path: Path) -> None:
    made = run_folder.create(tmp_path, CFG)
    assert run_folder.find(made.path.name, tmp_path).path == made.path
    assert run_folder.find(str(made.path), Path("elsewhere")).path == made.path
    with pytest.raises(UserError, match=made.path.name):
        run_folder.find("nope", tmp_path)

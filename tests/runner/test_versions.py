"""A run made by another version is told before it is used."""

from dataclasses import replace
from pathlib import Path

import pytest

from puckrl.config.presets import preset
from puckrl.report.provenance import git_state, versions
from puckrl.runner import run_folder
from puckrl.runner.versions import tell_other_versions


def test_what_changed_since_the_run_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = run_folder.create(tmp_path, replace(preset("reach"), seed=3))
    folder.update_manifest(versions=versions(), git=git_state())
    tell_other_versions(folder)
    assert caplog.text == ""
    now = versions()["mujoco"]
    folder.update_manifest(versions=versions() | {"mujoco": "2.0.0"})
    tell_other_versions(folder)
    assert f"mujoco 2.0.0, now {now};" in caplog.text
    assert "torch" not in caplog.text


def test_another_revision_of_the_same_version_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_folder.create(tmp_path, preset("reach"))
    folder.update_manifest(versions=versions(), git={"revision": "0" * 40})
    state = {"revision": "1" * 40}
    monkeypatch.setattr("puckrl.runner.versions.git_state", lambda: state)
    tell_other_versions(folder)
    assert "puckrl at revision 00000000, now 11111111" in caplog.text

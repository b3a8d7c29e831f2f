"""`puck export`: what is written, what is proven before, and what is refused."""

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import puckrl
from puckrl.cli import main
from puckrl.core.spec import NetworkSpec, from_plain
from puckrl.deploy import export as exporting
from puckrl.deploy import needs, proof
from puckrl.deploy.export import Exported, export_run
from puckrl.deploy.exported import ExportedPolicy
from puckrl.deploy.runtime import load
from puckrl.runner import output_folder as writing
from tests.deploy.conftest import EFFORT

FILES = {
    *("policy.onnx", "contract.json", "golden.bin", "README.md", "config.json"),
    *("model.safetensors", "normalizer.safetensors", "results.json"),
}


def test_the_folder_is_whole(exported: Exported, tiny_run: puckrl.Run) -> None:
    assert exported.path == tiny_run.path / "export"
    assert {one.name for one in exported.path.iterdir()} == FILES
    about = json.loads((exported.path / "contract.json").read_text())
    assert about == exported.contract
    assert about["origin"]["run"] == tiny_run.path.name
    assert about["origin"]["config_hash"] in tiny_run.path.name
    assert about["control"]["rate_hz"] == 25.0
    assert [one["high"] for one in about["action"]] == [
        *[float(np.float32(0.05))] * 3,
        1.0,
    ]
    assert about["proof"]["observations"] == 400
    assert about["proof"]["max_difference"] <= 1e-5
    assert about["proof"]["episodes"]["episodes"] == 8


def test_weights_and_card_are_what_a_hub_takes(
    exported: Exported, tiny_run: puckrl.Run
) -> None:
    """The named weights, in the order of the layout, are the judged policy's."""
    config = json.loads((exported.path / "config.json").read_text())
    network = from_plain(NetworkSpec, config["network"])
    saved = load_file(exported.path / "model.safetensors")
    parts = [saved[f"actor.{one.name}"].flatten() for one in network.layout]
    assert torch.equal(torch.cat(parts), tiny_run.policy().acting.actor.vector)
    statistics = load_file(exported.path / "normalizer.safetensors")
    assert statistics["actor.features.mean"].shape == (16,)
    page = (exported.path / "README.md").read_text()
    head = page.split("---")[1]
    assert "library_name: puckrl" in head
    assert "type: success, value: 0." in head
    assert "over 8 episodes of 50 steps" in page
    assert str(Path.home()) not in page


def test_a_camera_has_its_matrices(exported_pixels: Exported) -> None:
    """The point that the camera looks at is in the middle of the image."""
    images = exported_pixels.contract["images"]
    (camera,) = images["cameras"]
    pose, focal = np.array(camera["extrinsics"]), np.array(camera["intrinsics"])
    at = pose[:3, :3].T @ (np.array(camera["look_at_m"]) - pose[:3, 3])
    assert at[2] > 0
    seen = focal @ at / at[2]
    np.testing.assert_allclose(seen[:2], [8.0, 8.0], atol=1e-9)
    point = np.add(camera["look_at_m"], [0.0, 0.0, 0.1])
    above = pose[:3, :3].T @ (point - pose[:3, 3])
    assert (focal @ above / above[2])[1] < 8.0, "up is toward row 0"


def test_a_memory_is_compared_over_long_sequences(exported_gru: Exported) -> None:
    found = exported_gru.proof
    assert 0 < found.sequence_difference <= 1e-5
    memory = exported_gru.contract["memory"]
    assert (memory["kind"], memory["size"]) == ("gru", 8)
    assert exported_gru.contract["golden"]["outputs"] == ["action", "memory_next"]


def test_a_second_export_replaces_the_first(
    exported: Exported, runs: Path, tmp_path: Path
) -> None:
    run, to = exported.path.parent, tmp_path / "out"
    first = export_run(str(run), runs, to, effort=EFFORT)
    (to / "left-over").touch()
    export_run(str(run), runs, to, effort=EFFORT)
    assert {one.name for one in to.iterdir()} == FILES
    assert (to / "policy.onnx").read_bytes() == (
        exported.path / "policy.onnx"
    ).read_bytes()
    assert first.contract == exported.contract
    assert [*tmp_path.iterdir()] == [to]


class _Off(ExportedPolicy):
    """Acts a little beside the judged policy."""

    def physical(self, feed: dict[str, Any]) -> Any:
        return super().physical(feed) + np.float32(1e-6)


def test_a_network_that_acts_otherwise_is_not_written(
    exported: Exported, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "ExportedPolicy", _Off)
    with pytest.raises(
        puckrl.UserError, match=r"actions are off by 2.0e-05 of their limits over 400"
    ):
        export_run(str(exported.path.parent), runs, tmp_path / "out", effort=EFFORT)
    assert not [*tmp_path.iterdir()]


def test_a_network_that_fares_otherwise_is_not_written(
    exported: Exported, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Success of the judged policy first, then of the file: 6 of 8, then none."""
    right, shares = proof.outcomes, iter([6, 0])

    def told(*given: Any) -> tuple[torch.Tensor, torch.Tensor]:
        won, returns = right(*given)
        return torch.arange(len(won)) < next(shares), returns

    monkeypatch.setattr(proof, "outcomes", told)
    with pytest.raises(
        puckrl.UserError,
        match=r"reaches 0.000, the judged policy 0.750 in the same 8 episodes, paired",
    ):
        export_run(str(exported.path.parent), runs, tmp_path / "out", effort=EFFORT)
    assert not [*tmp_path.iterdir()]


def test_a_full_disk_leaves_what_was_there(
    exported: Exported, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, to = str(exported.path.parent), tmp_path / "out"
    export_run(run, runs, to, effort=EFFORT)
    before = (to / "policy.onnx").read_bytes()

    def full(*given: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(exporting, "_write_hub", full)
    with pytest.raises(puckrl.UserError, match=r"cannot write .*: No space left"):
        export_run(run, runs, to, effort=EFFORT)
    assert (to / "policy.onnx").read_bytes() == before
    load(to, None)
    assert [*tmp_path.iterdir()] == [to]


def test_a_failed_replacement_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "out"
    to.mkdir()
    (to / "kept").touch()
    right = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if target == to and self.name.startswith(".out-"):
            raise OSError(errno.EIO, "Input/output error")
        return right(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with (
        pytest.raises(puckrl.UserError, match="Input/output"),
        writing.written_whole(to),
    ):
        pass
    assert (to / "kept").is_file()


def _refused(capfd: pytest.CaptureFixture[str], *args: str) -> str:
    """Return the one line of a refused command."""
    assert main(["export", *args]) == 2
    words = capfd.readouterr().err.strip()
    assert "\n" not in words
    return words


def test_bad_input_is_one_line(
    exported: Exported,
    runs: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, run = ("--runs", str(runs)), exported.path.parent.name
    assert f"did you mean {run}?" in _refused(capfd, run[:-1], *root)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").touch()
    words = _refused(capfd, run, *root, "-o", str(other))
    assert "holds other files (thesis.tex) and no exported policy" in words
    words = _refused(capfd, run, *root, "-o", str(other / "thesis.tex"))
    assert "is a file; -o needs a folder" in words
    words = _refused(capfd, run, *root, "--task", "gone.py:Gone")
    assert "gone.py" in words
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "config.yaml").write_bytes(
        (exported.path.parent / "config.yaml").read_bytes()
    )
    words = _refused(capfd, str(empty))
    assert "has no snapshot" in words
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    words = _refused(capfd, run, *root)
    assert (
        "puck export needs onnx and onnxruntime: pip install 'puckrl[export]'" in words
    )


def test_a_users_task_is_played_as_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file changes after the run; the export plays the run's copy and says so."""
    source = Path("examples/planar_pusher.py").read_text()
    file = tmp_path / "mine.py"
    file.write_text(source)
    tiny = replace(
        puckrl.preset(f"{file}:PlanarPusher"),
        **{
            part: getattr(exporting_tiny(), part)
            for part in ("agent", "sim", "replay", "loop", "eval", "budget", "save")
        },
    )
    run = puckrl.train(tiny, runs=tmp_path / "runs")
    file.write_text(
        source.replace("class PlanarPusher", "# changed\nclass PlanarPusher")
    )
    done = export_run(str(run.path), tmp_path / "runs", effort=EFFORT)
    assert "has changed since" in caplog.text
    assert done.contract["task"] == "mine.py:PlanarPusher"
    assert str(tmp_path) not in (done.path / "policy.onnx").read_bytes().decode(
        "latin-1"
    )
    for name in ("README.md", "config.json", "contract.json"):
        assert str(tmp_path) not in (done.path / name).read_text()


def exporting_tiny() -> puckrl.RunCfg:
    """Return the settings of a run of a second."""
    from tests.api.tiny import TINY

    return TINY.with_(**{"budget.env_steps": 200})

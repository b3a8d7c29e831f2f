"""`puck dataset`: who acts, what is kept, and what is refused in one line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import puckrl
from puckrl.cli import main
from puckrl.dataset import make
from puckrl.dataset.make import dataset_of_run, dataset_of_script, told
from puckrl.dataset.settings import DatasetCfg
from tests.api.tiny import TINY
from tests.dataset.test_lerobot import STATE, check_whole, episodes, frames


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> puckrl.Run:
    """An untrained policy for Reach."""
    cfg = TINY.with_(**{"budget.env_steps": 200})
    return puckrl.train(cfg, runs=tmp_path_factory.mktemp("runs"))


def test_a_runs_policy_acts_and_failures_are_kept_if_asked(
    run: puckrl.Run, tmp_path: Path
) -> None:
    cfg = replace(STATE, failures=True)
    made = dataset_of_run(str(run.path), run.path.parent, tmp_path / "out", cfg)
    check_whole(made.path, 6)
    rows = frames(made.path).filter(pl.col("episode_index") == 2)
    obs = {
        name: rows[f"observation.{name}"].to_numpy()
        for name in ("state", "achieved_goal", "desired_goal")
    }
    acted = run.policy().act(obs)
    np.testing.assert_allclose(rows["action"].to_numpy(), acted, atol=1e-6)
    where = episodes(made.path)
    assert where["puckrl/world"].to_list() == [0, 1, 2, 3, 0, 1]
    assert where["puckrl/round"].to_list() == [0, 0, 0, 0, 1, 1]


def test_without_a_success_it_ends(
    run: puckrl.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "_HOPELESS", 4)
    monkeypatch.setattr(make.Episode, "won", property(lambda self: False))
    with pytest.raises(puckrl.UserError, match="none of 4 episodes succeeded; train"):
        dataset_of_run(str(run.path), run.path.parent, tmp_path / "out", STATE)


def test_noise_is_in_the_actions_and_its_effect_is_told(tmp_path: Path) -> None:
    quiet = dataset_of_script("reach", tmp_path / "quiet", STATE)
    noisy = dataset_of_script("reach", tmp_path / "noisy", replace(STATE, noise=0.3))
    first, second = (frames(one.path)["action"].to_numpy() for one in (quiet, noisy))
    assert 0.1 < np.abs(first[:1] - second[:1]).max() < 2.0
    assert np.abs(second).max() <= 1.0
    assert noisy.undisturbed == 1.0
    assert ("success without noise", "1.000") in told(noisy)
    assert quiet.undisturbed is None


def _refused(capfd: pytest.CaptureFixture[str], *args: str) -> str:
    assert main(["dataset", *args]) == 2
    words = capfd.readouterr().err.strip()
    assert "\n" not in words
    return words


def test_bad_input_is_one_line(
    run: puckrl.Run,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, root = run.path.name, ("--runs", str(run.path.parent))
    out = ("-o", str(tmp_path / "new"))
    assert "did you mean" in _refused(capfd, name[:-1], *root, *out)
    assert "puck dataset needs -o/--output" in _refused(capfd, name, *root)
    held = tmp_path / "held"
    dataset_of_script("reach", held, replace(STATE, episodes=1, worlds=1))
    before = (held / "meta/info.json").read_bytes()
    words = _refused(capfd, name, *root, "-o", str(held))
    assert "holds other files (data, meta, puckrl.json)" in words
    assert (held / "meta/info.json").read_bytes() == before
    file = held / "puckrl.json"
    assert "is a file" in _refused(capfd, name, *root, "-o", str(file))
    words = _refused(capfd, name, *root, *out, "--cameras", "sied")
    assert "unknown camera 'sied'; did you mean side?" in words
    assert "--video needs a camera" in _refused(capfd, name, *root, *out, "--video")
    words = _refused(capfd, name, *root, *out, "--format", "rlds")
    assert "'rlds' is not one of the choices; legal: lerobot, minari" in words
    assert "size" in _refused(capfd, name, *root, *out, "--size", "4")
    assert "from 0 to 1" in _refused(capfd, name, *root, *out, "--noise", "nan")
    words = _refused(capfd, "gym:CartPole-v1", "--script", *out)
    assert "is not puckrl's" in words
    assert "unknown task" in _refused(capfd, "puhs", "--script", *out)
    planar = "tests/dataset/no_script.py:NoScript"
    assert "has no script" in _refused(capfd, planar, "--script", *out)
    monkeypatch.setattr(make.importlib.util, "find_spec", lambda name: None)
    words = _refused(capfd, name, *root, *out, "--format", "minari")
    assert "needs Minari: pip install 'puckrl[minari]'" in words
    assert not (tmp_path / "new").exists()
    assert DatasetCfg().episodes == 1000

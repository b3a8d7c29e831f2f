"""Data sets load with the libraries that they are for: Minari here, LeRobot beside."""

import json
import os
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from puckrl.agents.scripted import Scripted
from puckrl.config.run_cfg import SimCfg
from puckrl.dataset.episodes import rounds
from puckrl.dataset.make import dataset_of_script
from puckrl.dataset.settings import DatasetCfg
from puckrl.runner.worlds import make_env

pytestmark = pytest.mark.interop
ROOT = Path(__file__).parent.parent.parent
LEROBOT = Path(os.environ.get("LEROBOT_PYTHON", str(ROOT / ".venv-lerobot/bin/python")))
"""LeRobot wants older versions of torch and numpy, so it has an environment of its own."""
SMALL = DatasetCfg(episodes=6, worlds=4, cameras=("side", "front"), size=32)
READ = """
import json, sys
from lerobot.datasets.lerobot_dataset import LeRobotDataset

data = LeRobotDataset("local/reach", root=sys.argv[1], video_backend="pyav")
last, first = data[len(data) - 1], data[0]
print(json.dumps({
    "episodes": data.num_episodes,
    "frames": len(data),
    "fps": data.fps,
    "task": last["task"],
    "action": last["action"].tolist(),
    "state": last["observation.state"].tolist(),
    "index": [int(last["episode_index"]), int(last["frame_index"])],
    "success": bool(last["next.success"]),
    "image": list(first["observation.images.side"].shape),
    "pixel": float(first["observation.images.side"].mean()),
}))
"""


@pytest.mark.parametrize("video", [False, True])
@pytest.mark.skipif(
    not LEROBOT.is_file(), reason="no LeRobot: make .venv-lerobot/.ready"
)
def test_lerobot_loads_what_was_written(video: bool, tmp_path: Path) -> None:
    made = dataset_of_script("reach", tmp_path / "data", replace(SMALL, video=video))
    done = subprocess.run(
        [LEROBOT, "-c", READ, made.path],
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        | {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    rows = pl.concat(
        [pl.read_parquet(f) for f in sorted(made.path.glob("data/*/*.parquet"))]
    )
    assert (found["episodes"], found["frames"], found["fps"]) == (6, len(rows), 25)
    assert found["task"] == "move the gripper to the goal"
    assert found["index"] == [5, rows["frame_index"][-1]]
    assert found["success"] is True
    assert found["action"] == rows["action"].to_list()[-1]
    assert found["state"] == rows["observation.state"].to_list()[-1]
    assert found["image"] == [3, 32, 32]
    assert 0.05 < found["pixel"] < 0.95


def test_minari_loads_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = replace(SMALL, format="minari")
    made = dataset_of_script("reach", tmp_path / "data", cfg)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(made.path))
    import minari

    data = minari.load_dataset("puck/reach-v0")
    assert (data.total_episodes, len(data)) == (6, 6)
    one = data[5]
    assert one.infos["success"][-1]
    assert one.actions.shape[1:] == (4,)
    assert len(one.observations["state"]) == len(one.actions) + 1
    assert one.observations["side"].shape[1:] == (32, 32, 3)
    assert one.observations["proprio"].shape[1:] == (10,)
    assert (one.truncations[-1], one.terminations.any()) == (True, False)
    # images are exact: played once more
    env = make_env("reach", SimCfg(num_worlds=4), auto_reset=False)
    with closing(env), closing(rounds(env, Scripted(env.task.expert), cfg)) as again:  # pyright: ignore[reportArgumentType]
        episode = next(again)[2]
    np.testing.assert_array_equal(
        data[2].observations["front"], episode.images["front"]
    )
    np.testing.assert_array_equal(data[2].actions, episode.action)

"""What LeRobot loads, read without it: indices, times, images, and what an error leaves."""

import io
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import puckrl
from puckrl.agents.scripted import Scripted
from puckrl.config.run_cfg import SimCfg
from puckrl.dataset import lerobot
from puckrl.dataset.episodes import rounds
from puckrl.dataset.make import Made, dataset_of_script
from puckrl.dataset.statistics import Running
from puckrl.runner.worlds import make_env
from tests.dataset.conftest import SMALL

STATE = replace(SMALL, cameras=())


def frames(path: Path) -> pl.DataFrame:
    return pl.concat(
        [pl.read_parquet(f) for f in sorted(path.glob("data/*/*.parquet"))]
    )


def episodes(path: Path) -> pl.DataFrame:
    files = sorted(path.glob("meta/episodes/*/*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files])


def info(path: Path) -> dict[str, object]:
    return json.loads((path / "meta/info.json").read_text())


def check_whole(path: Path, count: int) -> None:
    """Everything that indexes something else is right."""
    rows, about, found = frames(path), info(path), episodes(path)
    assert (about["total_episodes"], about["total_frames"]) == (count, len(rows))
    assert set(rows.columns) == set(about["features"])  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert found["episode_index"].to_list() == [*range(count)]
    assert rows["index"].to_list() == [*range(len(rows))]
    for row in found.iter_rows(named=True):
        own = rows[row["dataset_from_index"] : row["dataset_to_index"]]
        assert own["episode_index"].unique().to_list() == [row["episode_index"]]
        assert own["frame_index"].to_list() == [*range(row["length"])]
        assert own["next.done"].to_list() == [False] * (row["length"] - 1) + [True]
        np.testing.assert_allclose(own["timestamp"], np.arange(row["length"]) / 25.0)
    left = [file for file in path.rglob("*") if file.name.startswith(".")]
    assert not left


def test_frames_episodes_and_features_fit_together(pictured: Made) -> None:
    check_whole(pictured.path, 6)
    about, rows = info(pictured.path), frames(pictured.path)
    assert about["codebase_version"] == "v3.0"
    assert about["fps"] == 25
    assert rows["observation.state"].dtype == pl.Array(pl.Float32, 10)
    assert rows["action"].dtype == pl.Array(pl.Float32, 4)
    last = rows.filter(pl.col("next.done"))
    assert last["next.success"].all(), "only successful episodes were asked for"
    tasks = pictured.path / "meta/tasks.parquet"
    assert pl.read_parquet(tasks)["task"].to_list() == ["move the gripper to the goal"]
    # LeRobot looks the sentence up in the index of a pandas table
    assert b'"index_columns": ["task"]' in tasks.read_bytes()
    assert b"ARROW:schema" not in tasks.read_bytes()
    said = json.loads((pictured.path / "puckrl.json").read_text())
    assert said["expert"] == {"kind": "script of the task"}
    assert said["rate_hz"] == 25.0
    assert said["columns"]["state"][0]["unit"] == "m"
    state = rows["observation.state"].to_numpy()
    for name, columns in said["sensors"].items():
        np.testing.assert_array_equal(
            rows[f"observation.{name}"].to_numpy(), state[:, columns]
        )


def test_images_and_actions_are_exact(pictured: Made) -> None:
    """Played once more from the same seed, frame by frame."""
    env = make_env("reach", SimCfg(num_worlds=4), auto_reset=False)
    with closing(env), closing(rounds(env, Scripted(env.task.expert), SMALL)) as again:  # pyright: ignore[reportArgumentType]
        first = [one for one in next(again) if one.won]
    rows = frames(pictured.path).filter(pl.col("episode_index") == 1)
    one = first[1]
    np.testing.assert_array_equal(rows["action"].to_numpy(), one.action)
    np.testing.assert_array_equal(
        rows["observation.state"].to_numpy(), one.vectors["state"][:-1]
    )
    for name in SMALL.cameras:
        stored = [
            np.asarray(Image.open(io.BytesIO(cell["bytes"])))
            for cell in rows[f"observation.images.{name}"]
        ]
        np.testing.assert_array_equal(np.stack(stored), one.images[name][:-1])
    assert one.images["side"].std() > 1
    assert not np.array_equal(one.images["side"], one.images["front"])
    assert not np.array_equal(one.images["side"][0], one.images["side"][-1])


def test_statistics_are_those_of_all_rows(pictured: Made) -> None:
    stats = json.loads((pictured.path / "meta/stats.json").read_text())
    rows = frames(pictured.path)["action"].to_numpy().astype(float)
    np.testing.assert_allclose(stats["action"]["mean"], rows.mean(0), atol=1e-9)
    np.testing.assert_allclose(stats["action"]["std"], rows.std(0), atol=1e-9)
    np.testing.assert_allclose(stats["action"]["max"], rows.max(0))
    assert stats["action"]["count"] == [len(rows)]
    assert np.shape(stats["observation.images.side"]["mean"]) == (3, 1, 1)


def test_running_statistics_of_images_are_by_channel() -> None:
    images = np.zeros((16, 2, 2, 3), np.uint8)
    images[0, :, :, 1], images[0, 0, 0, 2] = 255, 255
    found = Running()
    found.add(images)  # every sixteenth image: the first
    said = found.as_dict()
    np.testing.assert_allclose(np.ravel(said["mean"]), [0.0, 1.0, 0.25])
    np.testing.assert_allclose(np.ravel(said["std"]), [0.0, 0.0, np.sqrt(3) / 4])


def test_a_video_holds_every_frame_and_says_how_far_off_it_is(tmp_path: Path) -> None:
    made = dataset_of_script("reach", tmp_path / "mp4", replace(SMALL, video=True))
    check_video(made)


def check_video(made: Made) -> None:
    about, found = info(made.path), episodes(made.path)
    assert about["features"]["observation.images.side"]["dtype"] == "video"  # pyright: ignore[reportIndexIssue]
    assert 0 < made.off < 20
    from puckrl.dataset.images import read_video

    (first, second) = sorted(made.path.glob("videos/observation.images.side/*/*.mp4"))
    ends = found["videos/observation.images.side/to_timestamp"]
    for number, file in enumerate((first, second)):
        own = found["videos/observation.images.side/file_index"] == number
        shown = read_video(file)
        assert len(shown) == found.filter(own)["length"].sum()
        assert ends.filter(own).max() == pytest.approx(len(shown) / 25.0)


def test_a_full_disk_leaves_a_valid_smaller_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, calls = lerobot.LerobotWriter._parquet, iter(range(100))

    def full(self: lerobot.LerobotWriter, *given: object) -> object:
        if next(calls) == 3:  # the second table of the second round
            raise OSError(28, "No space left on device")
        return right(self, *given)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(lerobot.LerobotWriter, "_parquet", full)
    with pytest.raises(
        puckrl.UserError,
        match=r"cannot write .*: No space left on device; it holds 4 episodes, a valid",
    ):
        dataset_of_script("reach", tmp_path / "out", STATE)
    for file in (tmp_path / "out").rglob(".*.tmp"):
        file.unlink()  # no reader sees it
    check_whole(tmp_path / "out", 4)

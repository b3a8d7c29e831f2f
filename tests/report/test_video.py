import resource
from pathlib import Path

import imageio_ffmpeg
import pytest
import torch
from torch import Tensor

from puckrl.config.run_cfg import PixelsCfg, SimCfg
from puckrl.core.errors import UserError
from puckrl.core.types import Obs
from puckrl.envs.goal_env import GoalEnv
from puckrl.report.video import mosaic, record
from puckrl.runner.worlds import make_env
from puckrl.sim.cpu import CpuSim
from puckrl.tasks.fetch.reach import FetchReach

CPU = torch.device("cpu")
# 50 steps and the start; the last frame is held for 0.4 s at 25 Hz.
FRAMES = 51 + 10


def reach(worlds: int) -> GoalEnv:
    task = FetchReach()
    return GoalEnv(task, CpuSim(task.scene().compile(), worlds), auto_reset=False)


class Still:
    """Never moves; records whether it explores."""

    device = CPU

    def __init__(self) -> None:
        self.explored = False

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        self.explored |= explore
        return torch.zeros(len(obs["state"]), 4)

    def reset(self, done: Tensor) -> None:
        """Forget nothing."""


@pytest.mark.parametrize("ending", [".mp4", ".gif"])
def test_a_video_has_all_frames_of_all_worlds(tmp_path: Path, ending: str) -> None:
    path, policy = tmp_path / "new" / f"policy{ending}", Still()
    made = record(reach(2), policy, path, episodes=1, size=(32, 24))
    assert made == path
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    frames = list(reader)
    assert meta["size"] == (2 * (32 + 12), 24 + 12)
    assert meta["fps"] == 25
    assert len(frames) == FRAMES
    assert max(frames[0]) > 100  # not blank
    assert not policy.explored


def test_what_the_policy_sees_stands_beside_each_world(tmp_path: Path) -> None:
    pixels = PixelsCfg(viewpoints=("side", "front"), height=16, width=20, stack=2)
    env = make_env("reach", SimCfg(num_worlds=1), pixels=pixels, auto_reset=False)
    asked: list[Obs] = []

    def keypoints(obs: Obs) -> Tensor:
        asked.append(obs)
        return torch.full((1, 3, 2), 0.5)

    path = tmp_path / "a.mp4"
    record(env, Still(), path, episodes=1, size=(40, 32), keypoints=keypoints)
    # the world, a seam, two images of 16 x 20 at twice their size, margins and frame
    meta = next(imageio_ffmpeg.read_frames(str(path)))
    assert meta["size"] == (40 + 4 + 2 * 40 + 12, 32 + 12)
    assert len(asked) == FRAMES - 10
    assert asked[0]["pixels"].shape == (1, 12, 16, 20)


def test_threads_of_torch_are_given_back(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    path = tmp_path / "a.mp4"
    record(reach(1), Still(), path, episodes=1, size=(16, 16))
    after = torch.get_num_threads()
    torch.set_num_threads(before)
    assert after == 2


@pytest.mark.parametrize(
    ("name", "episodes", "size", "message"),
    [
        ("policy.avi", 1, (32, 24), r"policy\.avi.* must end in \.mp4 or \.gif"),
        ("policy", 1, (32, 24), r"must end in \.mp4 or \.gif"),
        ("a.mp4", 0, (32, 24), "0 episodes"),
        ("a.mp4", 1, (33, 24), "must be even"),
    ],
)
def test_what_cannot_be_recorded_is_refused(
    tmp_path: Path, name: str, episodes: int, size: tuple[int, int], message: str
) -> None:
    path = tmp_path / name
    with pytest.raises(UserError, match=message):
        record(reach(1), Still(), path, episodes=episodes, size=size)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a.mp4", Path("/proc/a.gif")):
        with pytest.raises(UserError, match=rf"^cannot write {path}: [^\n]+$"):
            record(reach(1), Still(), path, episodes=1, size=(16, 16))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("ending", [".mp4", ".gif"])
def test_a_video_that_is_cut_off_is_no_video(tmp_path: Path, ending: str) -> None:
    """The encoder fails after the last frame, as on a disk that is full."""
    path, before = tmp_path / f"a{ending}", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(UserError, match=rf"^cannot write {path}: File size limit"):
            record(reach(1), Still(), path, episodes=1, size=(16, 16))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_mosaic_by_hand() -> None:
    images = torch.arange(3, dtype=torch.uint8).view(3, 1, 1, 1) * 100
    grid = mosaic(images.expand(3, 2, 4, 3), torch.tensor([True, False, False]))
    assert grid.shape == (2 * 14, 2 * 16, 3)
    # Row 7 runs through margin (3), frame (3), image (4), frame, margin of two tiles.
    back, green, idle = [19, 23, 32], [26, 242, 115], [51, 59, 74]
    row = [back, green, [0] * 3, green, back, back, idle, [100] * 3, idle, back]
    widths = [3, 3, 4, 3, 3] * 2
    expected = [color for color, n in zip(row, widths, strict=True) for _ in range(n)]
    assert grid[7].tolist() == expected
    assert grid[14 + 7, 16:].tolist() == [back] * 16  # the empty place
    assert grid[14 + 7, 6].tolist() == [200] * 3

"""Cameras in the environment: images of the right worlds at the right time."""

import gc
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from puckrl.config.run_cfg import PixelsCfg, SimCfg
from puckrl.core.errors import UserError
from puckrl.core.types import PixelSpace
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.play import policy_obs
from puckrl.runner.worlds import make_env
from puckrl.sim.viewpoints import Viewpoint
from puckrl.tasks.fetch.push import FetchPush

ROOT = Path(__file__).parents[2]
TWO = PixelsCfg(viewpoints=("side", "corner"), height=24, width=32, stack=3)


def _env(worlds: int = 2, seed: int = 0) -> GoalEnv:
    return make_env("push", SimCfg(num_worlds=worlds), pixels=TWO, seed=seed)


def test_shapes_and_what_a_policy_gets() -> None:
    env = _env()
    obs = env.reset()
    assert env.spaces.pixels == PixelSpace(24, 32, channels=6, stack=3)
    assert obs["frame"].shape == (2, 24, 32, 6)
    assert obs["pixels"].shape == (2, 18, 24, 32)
    assert obs["pixels"].dtype == obs["frame"].dtype == torch.uint8
    given = policy_obs(obs, torch.device("cpu"))
    assert "frame" not in given
    assert given["pixels"].dtype == torch.uint8
    assert given["state"].dtype == torch.float32


def test_a_stack_begins_with_the_first_frame_and_moves_on() -> None:
    env = _env()
    first = env.reset()["frame"].permute(0, 3, 1, 2)
    up = torch.tensor([[0.0, 0.0, 1.0, 0.0]]).expand(2, 4)
    step = env.step(up)
    newest = step.obs["frame"].permute(0, 3, 1, 2)
    assert not torch.equal(first, newest)  # the arm has moved
    assert torch.equal(step.obs["pixels"], torch.cat([first, first, newest], dim=1))


def test_auto_reset_keeps_the_true_last_picture_and_begins_anew() -> None:
    env = _env()
    env.reset()
    action = torch.ones(2, 4)
    step = env.step(action)
    for _ in range(48):
        step = env.step(action)
        assert torch.equal(step.obs["pixels"], step.final_obs["pixels"])
    before = step.obs["pixels"]
    step = env.step(action)
    last = step.final_obs["pixels"]
    assert torch.equal(last[:, :12], before[:, 6:])
    fresh = step.obs["frame"].permute(0, 3, 1, 2)
    assert torch.equal(step.obs["pixels"], fresh.repeat(1, 3, 1, 1))
    assert not torch.equal(fresh, last[:, 12:])


def test_a_restored_environment_sees_what_the_first_one_saw() -> None:
    env, other = _env(), _env(seed=5)
    env.reset()
    other.reset()
    action = torch.full((2, 4), 0.5)
    env.step(action)
    other.restore(env.snapshot())
    one, two = env.step(action), other.step(action)
    assert torch.equal(one.obs["pixels"], two.obs["pixels"])


def test_several_cameras_see_what_each_would_see_alone() -> None:
    names = ("side", "wrist", "front")
    up = torch.tensor([[0.0, 0.0, 1.0, 0.0]]).expand(2, 4)

    def newest(*viewpoints: str) -> torch.Tensor:
        pixels = replace(TWO, viewpoints=viewpoints)
        env = make_env("push", SimCfg(num_worlds=2), pixels=pixels)
        env.reset()
        return env.step(up).obs["frame"]

    alone = [newest(name) for name in names]
    assert torch.equal(newest(*names), torch.cat(alone, dim=-1))
    assert not torch.equal(alone[0], alone[1])


@pytest.mark.gpu
def test_a_gpu_draws_what_the_cpu_draws_of_the_same_physics(
    device: torch.device,
) -> None:
    envs = [
        make_env("push", SimCfg(num_worlds=3), pixels=TWO, seed=5, device=place)
        for place in (torch.device("cpu"), device)
    ]
    observed = [env.reset() for env in envs]
    for _ in range(50):  # and into the next episode
        action = torch.tensor([[0.5, -0.3, -0.2, 0.0]]).expand(3, 4)
        observed = [env.step(action).obs for env in envs]
    assert (
        observed[1]["pixels"].device.type
        == observed[1]["frame"].device.type
        == device.type
    )
    assert observed[1]["state"].device.type == "cpu"
    apart = observed[0]["pixels"].int() - observed[1]["pixels"].cpu().int()
    # Edges may fall on the pixel beside: not on more than one in a hundred.
    assert float((apart.abs() > 8).float().mean()) < 0.01


def test_close_closes_every_camera() -> None:
    env = _env()
    env.reset()
    env.close()
    env.close()
    for camera in env._cameras._cameras:  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(RuntimeError, match="closed"):
            camera.render()
    make_env("push", SimCfg(num_worlds=1)).close()  # without cameras: nothing to do


def test_a_task_says_where_its_cameras_may_stand() -> None:
    example = f"{ROOT / 'examples/planar_pusher.py'}:PlanarPusher"
    pixels = PixelsCfg(viewpoints=("above",), height=32, width=32)
    env = make_env(example, SimCfg(num_worlds=16), pixels=pixels)
    frame = env.reset()["frame"].float()
    puck = env.sim.field("qpos")[:, 2]  # its x, which is the image's right
    red = (frame[..., 0] - frame[..., 2]).clamp(min=0).sum(dim=1)  # (worlds, width)
    column = (red * torch.arange(32)).sum(dim=1) / red.sum(dim=1)
    assert torch.corrcoef(torch.stack([column.double(), puck]))[0, 1] > 0.99
    with pytest.raises(UserError, match="unknown viewpoint 'side'; legal: above, free"):
        make_env(example, SimCfg(), pixels=PixelsCfg(viewpoints=("side",)))


def test_threads_of_cameras_end_with_the_environment() -> None:
    """Nobody who forgets ``close`` collects threads: no cycle keeps the worlds alive."""

    def threads() -> int:
        return sum(t.name.startswith("ThreadPool") for t in threading.enumerate())

    gc.collect()
    before, kept = threads(), torch.get_num_threads()
    torch.set_num_threads(2)
    gc.disable()
    try:
        env = _env()
        env.reset()
        pools = [camera._pool for camera in env._cameras._cameras]  # pyright: ignore
        running = [thread for pool in pools for thread in pool._threads]  # pyright: ignore
        assert threads() > before
        del env, pools
        for thread in running:
            thread.join(timeout=10.0)
        assert threads() == before
    finally:
        gc.enable()
        torch.set_num_threads(kept)


def test_a_camera_that_cannot_be_made_leaves_no_threads() -> None:
    pixels = replace(TWO, viewpoints=("side", "wrist"))
    before = threading.active_count()
    with pytest.raises(UserError, match="does not have"):
        make_env(_LostWrist(), SimCfg(num_worlds=2), pixels=pixels)
    assert threading.active_count() == before


class _LostWrist(FetchPush):
    """Fetch with a viewpoint on a body that it lacks."""

    viewpoints = {  # noqa: RUF012
        **FetchPush.viewpoints,
        "wrist": Viewpoint((0.1, 0.0, 0.1), (0.0, 0.0, 0.0), 45.0, body="no such body"),
    }

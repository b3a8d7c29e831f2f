"""Domain randomization: off it is not there, on it is drawn world by world."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from puckrl.config.run_cfg import PixelsCfg, SimCfg
from puckrl.core.errors import UserError
from puckrl.core.rng import Draws
from puckrl.envs.goal_env import GoalEnv
from puckrl.runner.worlds import make_env
from puckrl.sim.randomize import _rotations
from puckrl.sim.settings import RandomizeCfg
from tests.sim import golden

PLAIN = PixelsCfg(viewpoints=("side",), height=32, width=32, stack=1)
ALL = RandomizeCfg(
    colors=0.4, brightness=0.3, light_deg=30.0, camera_m=0.03, camera_deg=2.0
)
WORLDS = 3


def stage(randomize: RandomizeCfg, seed: int = 0, worlds: int = WORLDS) -> GoalEnv:
    pixels = replace(PLAIN, randomize=randomize)
    return make_env("push", SimCfg(num_worlds=worlds), pixels=pixels, seed=seed)


def appearance(env: GoalEnv) -> dict[str, Tensor]:
    found, prefix = env.snapshot(), "appearance.0."
    return {
        name.removeprefix(prefix): rows
        for name, rows in found.items()
        if name.startswith(prefix)
    }


def test_off_nothing_varies_and_images_are_what_they_were() -> None:
    env = stage(RandomizeCfg())
    assert not appearance(env)
    first = env.reset()["frame"][0].numpy().astype(int)
    assert abs(first - golden.image("side")).max() == 0


def test_a_varied_appearance_that_nobody_changes_is_the_plain_one() -> None:
    # brightness alone, by nothing that a number of 8 bits could show
    env = stage(RandomizeCfg(brightness=1e-9))
    assert torch.equal(env.reset()["frame"], stage(RandomizeCfg()).reset()["frame"])


@pytest.mark.parametrize(
    ("cfg", "changed"),
    [
        (RandomizeCfg(colors=0.4), {"geom_rgba"}),
        (
            RandomizeCfg(brightness=0.3),
            {"light_ambient", "light_diffuse", "light_specular"},
        ),
        (RandomizeCfg(light_deg=30.0), {"light_xdir"}),
        (RandomizeCfg(camera_m=0.03), {"cam_pos"}),
        (RandomizeCfg(camera_deg=5.0), {"cam_mat"}),
    ],
)
def test_each_setting_changes_its_fields_and_the_images(
    cfg: RandomizeCfg, changed: set[str]
) -> None:
    plain, env = stage(RandomizeCfg()), stage(cfg)
    before = appearance(env)
    apart = plain.reset()["frame"].int() - env.reset()["frame"].int()
    # the table is white whatever the light; the arm is not
    assert (apart.abs().flatten(1).amax(dim=1) > 8).all()
    after = appearance(env)
    moved = {
        name
        for name, rows in after.items()
        if not torch.allclose(rows, before[name], atol=1e-6)
    }
    assert moved == changed


def test_the_appearance_stays_in_bounds_and_differs_by_world_and_episode() -> None:
    env = stage(ALL, worlds=16)
    plain = appearance(env)
    env.reset()
    first = appearance(env)
    env.reset()
    for now in (first, appearance(env)):
        rgb, base = now["geom_rgba"][..., :3], plain["geom_rgba"][..., :3]
        # towards a color in [0, 1], by a share of 0.4 at most
        assert (rgb >= 0.6 * base - 1e-6).all()
        assert (rgb <= 0.6 * base + 0.4 + 1e-6).all()
        assert torch.equal(now["geom_rgba"][..., 3], plain["geom_rgba"][..., 3])
        gain = now["light_diffuse"] / plain["light_diffuse"]
        assert 0.7 - 1e-6 <= gain.min() < 0.85 < 1.15 < gain.max() <= 1.3 + 1e-6
        torch.testing.assert_close(now["light_xdir"].norm(dim=-1), torch.ones(16, 1))
        apart = (now["cam_pos"] - plain["cam_pos"]).abs()
        assert 0.02 < apart.max() <= 0.03 + 1e-6
        for name, rows in now.items():
            assert len(rows.flatten(1).unique(dim=0)) == 16, name
    assert not any(torch.equal(first[name], appearance(env)[name]) for name in first)


def test_only_the_worlds_that_begin_an_episode_change() -> None:
    env = stage(ALL)
    env.reset()
    before = appearance(env)
    env.reset(torch.tensor([1]))
    for name, rows in appearance(env).items():
        same = (rows == before[name]).flatten(1).all(dim=1)
        assert same.tolist() == [True, False, True], name


def test_the_appearance_follows_from_seed_world_and_episode_alone() -> None:
    few, many, other = stage(ALL), stage(ALL, worlds=5), stage(ALL, seed=1)
    frames = [env.reset()["frame"][:WORLDS] for env in (few, many, other)]
    assert torch.equal(frames[0], frames[1])
    assert not torch.equal(frames[0], frames[2])


def test_the_task_does_not_notice() -> None:
    plain, varied = stage(RandomizeCfg()), stage(ALL)
    for _ in range(2):
        expected, got = plain.reset(), varied.reset()
        for name in ("state", "desired_goal"):
            assert torch.equal(expected[name], got[name])


def test_a_restored_world_looks_as_it_looked() -> None:
    env, other = stage(ALL), stage(ALL, seed=5)
    env.reset()
    other.reset()
    other.restore(env.snapshot())
    action = torch.full((WORLDS, 4), 0.5)
    assert torch.equal(env.step(action).obs["frame"], other.step(action).obs["frame"])


def _covered(randomize: RandomizeCfg) -> Tensor:
    """Pixels of the object in each of 16 worlds, (16,)."""
    env = stage(randomize, worlds=16)
    shown = env.reset()["frame"].int()
    height = env.sim.model.joint("object0:joint").qposadr[0] + 2
    env.sim.field("qpos")[:, height] -= 50.0
    env.sim.forward()
    env._cameras.advance()
    apart = (shown - env.observe()["frame"].int()).abs().amax(dim=-1)
    return (apart > 8).flatten(1).sum(dim=1)


def test_the_object_stays_visible() -> None:
    in_sight = _covered(RandomizeCfg()) >= 4  # else it is behind the gripper
    assert in_sight.sum() >= 12
    assert (_covered(ALL)[in_sight] >= 2).all()


def test_rotations_are_rotations_by_the_angle() -> None:
    worlds = torch.arange(4)
    draws = Draws(0, worlds, torch.zeros_like(worlds))
    turns = _rotations(draws, 20.0, 2)
    eye = torch.eye(3, dtype=torch.float64).expand(4, 2, 3, 3)
    torch.testing.assert_close(turns @ turns.mT, eye)
    # Rodrigues: trace = 1 + 2 cos of the vector's length
    vector = Draws(0, worlds, torch.zeros_like(worlds)).uniform(-20.0, 20.0, 2, 3)
    expected = 1 + 2 * torch.cos(torch.deg2rad(vector).norm(dim=-1))
    trace = turns.diagonal(dim1=-2, dim2=-1).sum(-1)
    torch.testing.assert_close(trace, expected)


@pytest.mark.parametrize(
    ("cfg", "message"),
    [
        (RandomizeCfg(colors=1.5), r"randomize\.colors=1\.5; .* 0 to 1$"),
        (
            RandomizeCfg(camera_deg=-1.0),
            r"randomize\.camera_deg=-1\.0; .* 0 to 90 degrees$",
        ),
    ],
)
def test_numbers_out_of_range_are_refused(cfg: RandomizeCfg, message: str) -> None:
    with pytest.raises(UserError, match=message):
        stage(cfg)

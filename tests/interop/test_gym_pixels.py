"""The ids with cameras: Gymnasium's and SB3's checkers, and what the images show."""

import warnings
from itertools import pairwise
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common import env_checker as sb3_checker
from stable_baselines3.common.preprocessing import (
    is_image_space,
    is_image_space_channels_first,
)

import puckrl.interop.gym
from puckrl.config.run_cfg import PixelsCfg, SimCfg
from puckrl.core.errors import UserError
from puckrl.interop.gym import IDS, PuckEnv
from puckrl.interop.gym_pixels import PixelEnv, PixelVectorEnv
from puckrl.runner.worlds import make_env

gymnasium.register_envs(puckrl.interop.gym)
ALL_IDS = [
    f"puck/Fetch{name}Pixels{dense}-v4" for name in IDS for dense in ("", "Dense")
]
SMALL: dict[str, Any] = {"height": 16, "width": 16}


@pytest.mark.parametrize("id_", ALL_IDS)
def test_the_checkers_have_nothing_to_say(id_: str) -> None:
    env = gymnasium.make(id_, **SMALL).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # the reference's observation spaces are unbounded too
        warnings.filterwarnings("ignore", message=".*infinity.*")
        # SB3's own CNN needs more; our encoders do not
        warnings.filterwarnings("ignore", message=".*minimal resolution.*")
        check_env(env, skip_render_check=True)
        sb3_checker.check_env(env)


def test_the_default_picture_suits_sb3_s_own_cnn() -> None:
    env = gymnasium.make("puck/FetchPushPixels-v4").unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_checker.check_env(env)
    assert isinstance(env.observation_space, gymnasium.spaces.Dict)
    pixels = env.observation_space["pixels"]
    assert pixels.shape == (9, 84, 84)
    assert is_image_space(pixels)
    assert isinstance(pixels, gymnasium.spaces.Box)
    assert is_image_space_channels_first(pixels)


def test_shapes_follow_the_options() -> None:
    env = gymnasium.make(
        "puck/FetchPushPixels-v4",
        height=16,
        width=20,
        viewpoints=("side", "front"),
        stack=2,
    )
    obs, _ = env.reset(seed=0)
    assert {name: (v.shape, v.dtype) for name, v in obs.items()} == {
        "pixels": ((12, 16, 20), np.uint8),
        "proprio": ((10,), np.float64),
        "achieved_goal": ((3,), np.float64),
        "desired_goal": ((3,), np.float64),
    }
    assert obs["pixels"].std() > 10


def test_pictures_move_through_the_stack_from_newest_to_oldest() -> None:
    env = PixelEnv("push", **SMALL)
    frames = [env.reset(seed=0)[0]["pixels"]]
    for _ in range(3):
        frames.append(env.step(np.array([0, 0, 1, 0], np.float32))[0]["pixels"])
    np.testing.assert_array_equal(frames[0], np.tile(frames[0][-3:], (3, 1, 1)))
    for before, after in pairwise(frames):
        np.testing.assert_array_equal(after[:-3], before[3:])
        assert (after[-3:] != before[-3:]).any()


def test_all_but_the_pictures_is_what_the_blind_environment_says() -> None:
    env, blind = PixelEnv("push", **SMALL), PuckEnv("push")
    obs, full = env.reset(seed=3)[0], blind.reset(seed=3)[0]
    for t in range(3):
        np.testing.assert_array_equal(obs["achieved_goal"], full["achieved_goal"])
        np.testing.assert_array_equal(obs["desired_goal"], full["desired_goal"])
        columns = list(env.task.spaces.sensors["proprio"].columns)
        np.testing.assert_array_equal(obs["proprio"], full["observation"][columns])
        action = np.full(4, 0.3 * t, np.float32)
        obs, full = env.step(action)[0], blind.step(action)[0]


def test_many_worlds_are_the_batched_environment_and_end_truly() -> None:
    envs = gymnasium.make_vec(
        "puck/FetchReachPixels-v4",
        num_envs=2,
        vectorization_mode="vector_entry_point",
        max_episode_steps=3,
        **SMALL,
    ).unwrapped
    assert isinstance(envs, PixelVectorEnv)
    ours = make_env(
        "reach",
        SimCfg(num_worlds=2),
        seed=int(np.random.default_rng(7).integers(2**63)),
        pixels=PixelsCfg(("side",), 16, 16, 3),
    )
    first, _ = envs.reset(seed=7)
    np.testing.assert_array_equal(first["pixels"], ours.reset()["pixels"].numpy())
    action = np.full((2, 4), 0.5, np.float32)
    for _ in range(3):
        obs, _, _, truncated, info = envs.step(action)
        frames = obs["pixels"]
        if truncated.any():
            frames = np.stack([final["pixels"] for final in info["final_obs"]])
        wanted = ours.step(torch.from_numpy(action)).final_obs["pixels"]
        np.testing.assert_array_equal(frames, wanted.numpy())
    assert truncated.all()  # pyright: ignore[reportPossiblyUnboundVariable]
    assert info["final_obs"][0] in envs.single_observation_space  # pyright: ignore[reportPossiblyUnboundVariable]
    assert obs in envs.observation_space  # pyright: ignore[reportPossiblyUnboundVariable]


def test_close_closes_the_cameras() -> None:
    """A closed camera renders nothing: the next observation fails."""
    env, envs = PixelEnv("reach", **SMALL), PixelVectorEnv(2, task="reach", **SMALL)
    for made in (env, envs):
        made.reset(seed=0)
        made.close()
        made.close()
        with pytest.raises(RuntimeError, match="closed"):
            made.reset(seed=0)


def test_cameras_stand_where_the_task_says_first() -> None:
    def first(**options: Any) -> np.ndarray:
        return PixelEnv("push", **SMALL, **options).reset(seed=0)[0]["pixels"]

    np.testing.assert_array_equal(first(), first(viewpoints="side"))
    assert (first() != first(viewpoints="free")).any()


def test_mistakes_are_told_in_one_line() -> None:
    wrongs: list[dict[str, Any]] = [{"height": 0}, {"stack": 0}, {"viewpoints": ()}]
    for wrong in wrongs:
        with pytest.raises(UserError, match=r"legal|name one"):
            PixelEnv("push", **wrong)
    with pytest.raises(UserError, match="side"):
        PixelVectorEnv(2, viewpoints="sideways")

"""Gymnasium's checkers, its conventions, and agreement with our own environment."""

import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common import env_checker as sb3_checker

import puckrl.interop.gym
from puckrl.core.errors import UserError
from puckrl.envs.goal_env import GoalEnv
from puckrl.interop.gym import IDS, PuckEnv, PuckVectorEnv
from puckrl.sim.cpu import CpuSim
from puckrl.sim.film import Film
from puckrl.tasks.catalog import make_task
from tests.reference import make_reference

ROOT = Path(__file__).parent.parent.parent

gymnasium.register_envs(puckrl.interop.gym)
ALL_IDS = [f"puck/Fetch{name}{dense}-v4" for name in IDS for dense in ("", "Dense")]


@pytest.mark.parametrize("id_", ALL_IDS)
def test_gymnasium_s_checker_has_nothing_to_say(id_: str) -> None:
    env = gymnasium.make(id_).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # the reference's observation spaces are unbounded too
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(env, skip_render_check=True)


@pytest.mark.parametrize("id_", ALL_IDS)
def test_sb3_s_checker_has_nothing_to_say(id_: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_checker.check_env(gymnasium.make(id_).unwrapped)


@pytest.mark.parametrize("name", IDS)
def test_spaces_equal_the_reference_s(name: str) -> None:
    reference, env = make_reference(IDS[name]), PuckEnv(IDS[name])
    assert env.observation_space == reference.observation_space
    assert env.action_space == reference.action_space


def test_the_time_limit_is_gymnasium_s() -> None:
    for limit, asked in ((50, None), (7, 7)):
        env = gymnasium.make("puck/FetchReach-v4", max_episode_steps=asked)
        env.reset(seed=0)
        ends = [env.step(np.zeros(4, np.float32))[2:4] for _ in range(limit)]
        assert ends == [(False, False)] * (limit - 1) + [(False, True)]


def test_reset_without_seed_goes_on_and_differs() -> None:
    env, other = PuckEnv("push"), PuckEnv("push")
    goals = [env.reset(seed=1)[0]["desired_goal"], env.reset()[0]["desired_goal"]]
    again = [env.reset(seed=1)[0]["desired_goal"], env.reset()[0]["desired_goal"]]
    np.testing.assert_array_equal(goals, again)
    fresh = [e.reset()[0]["desired_goal"] for e in (other, PuckEnv("push"))]
    assert len(np.unique(np.array(goals + fresh), axis=0)) == 4


def test_success_and_reward_are_those_of_the_goals() -> None:
    env = PuckEnv("reach")
    obs, _ = env.reset(seed=0)
    for _ in range(30):
        away = obs["desired_goal"] - obs["achieved_goal"]
        action = np.append(np.clip(10 * away, -1, 1), 0).astype(np.float32)
        obs, reward, _, _, info = env.step(action)
        near = np.linalg.norm(obs["achieved_goal"] - obs["desired_goal"]) < 0.05
        assert info["is_success"] == near == (reward == 0.0)
    assert info["is_success"]  # pyright: ignore[reportPossiblyUnboundVariable]


@pytest.mark.parametrize("reward", ["sparse", "dense"])
@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 3)])
def test_compute_reward_takes_batches(reward: Any, shape: tuple[int, ...]) -> None:
    a, b = np.random.default_rng(0).uniform(0, 0.06, (2, *shape))
    reference = make_reference("push", reward)
    for env in (PuckEnv("push", reward), PuckVectorEnv(1, "push", reward)):
        rewards = env.compute_reward(a, b, {})
        assert np.shape(rewards) == shape[:-1]
        np.testing.assert_allclose(
            rewards, reference.compute_reward(a, b, {}), atol=1e-15
        )


def _vector(num_envs: int = 3, limit: int = 4) -> PuckVectorEnv:
    made = gymnasium.make_vec(
        "puck/FetchPush-v4",
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        max_episode_steps=limit,
    ).unwrapped
    assert isinstance(made, PuckVectorEnv)
    return made


def _actions(env: Any, seed: int) -> np.ndarray:
    env.action_space.seed(seed)
    return env.action_space.sample()


def test_vector_steps_are_the_batched_environment_s() -> None:
    envs = _vector(limit=50)
    first, _ = envs.reset(seed=11)
    task = make_task("push")
    ours = GoalEnv(task, CpuSim(task.scene().compile(), 3))
    ours.reseed(int(np.random.default_rng(11).integers(2**63)))
    np.testing.assert_array_equal(first["observation"], ours.reset()["state"].numpy())
    for t in range(3):
        actions = _actions(envs, t)
        obs, reward, *_ = envs.step(actions)
        step = ours.step(torch.from_numpy(actions))
        np.testing.assert_array_equal(obs["observation"], step.obs["state"].numpy())
        np.testing.assert_array_equal(reward, step.reward.numpy())
    assert obs in envs.observation_space  # pyright: ignore[reportPossiblyUnboundVariable]


def _form(value: Any, key: str = "") -> Any:
    """The form of an info: keys, kinds, shapes and masks (``_key``); values aside."""
    if isinstance(value, dict):
        return {key: _form(value[key], key) for key in sorted(value)}
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [_form(inner) for inner in value]
    if isinstance(value, np.ndarray):
        mask = value.tolist() if key.startswith("_") else None
        return (value.dtype, value.shape, mask)
    return value


def test_info_has_the_form_of_gymnasium_s_own_vectors() -> None:
    envs = _vector()
    theirs = SyncVectorEnv(
        [lambda: gymnasium.make("puck/FetchPush-v4", max_episode_steps=4)] * 3,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    envs.reset(seed=0)
    theirs.reset(seed=0)
    for t in range(5):  # the fourth step ends every episode
        a, b = (env.step(_actions(envs, t)) for env in (envs, theirs))
        assert _form(a[4]) == _form(b[4])
        for ours, reference in zip(a[1:4], b[1:4], strict=True):
            assert ours.dtype == reference.dtype
            assert ours.shape == reference.shape


def test_vector_keeps_the_final_observation() -> None:
    envs = _vector()
    envs.reset(seed=0)
    for t in range(3):
        obs, _, _, truncated, info = envs.step(_actions(envs, t))
        assert not truncated.any()
        assert "final_obs" not in info
    kept = {name: value.copy() for name, value in obs.items()}  # pyright: ignore[reportPossiblyUnboundVariable]
    obs, _, terminated, truncated, info = envs.step(_actions(envs, 9))
    assert truncated.all()
    assert not terminated.any()
    for world, final in enumerate(info["final_obs"]):
        assert final in envs.single_observation_space
        np.testing.assert_array_equal(
            final["desired_goal"], kept["desired_goal"][world]
        )
        assert np.abs(final["observation"] - obs["observation"][world]).max() > 1e-3
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


def test_vector_resets_by_mask() -> None:
    envs = _vector()
    before, _ = envs.reset(seed=0)
    mask = np.array([True, False, True])
    after, _ = envs.reset(options={"reset_mask": mask})
    same = (before["desired_goal"] == after["desired_goal"]).all(axis=1)
    np.testing.assert_array_equal(same, ~mask)


def test_mistakes_are_told_in_one_line() -> None:
    with pytest.raises(UserError, match="pass an int"):
        _vector().reset(seed=[1, 2, 3])  # pyright: ignore[reportArgumentType]
    with pytest.raises(UserError, match=r"\(3, 5\).*\(3, 4\)"):
        _vector().step(np.zeros((3, 5), np.float32))
    with pytest.raises(UserError, match="did you mean push"):
        PuckEnv("pushh")
    for mask in (np.ones(5, bool), np.zeros(3, bool), np.ones(3)):
        with pytest.raises(UserError, match=r"wanted \(3,\) bool"):
            _vector().reset(options={"reset_mask": mask})
    with pytest.raises(UserError, match="at least 1, or -1"):
        PuckVectorEnv(2, "reach", max_episode_steps=0)
    with pytest.raises(UserError, match="a vector environment renders nothing"):
        PuckVectorEnv(2, "reach", render_mode="rgb_array")
    _vector().reset(seed=np.int64(3))  # pyright: ignore[reportArgumentType]


def test_render_gives_an_image_that_is_not_blank() -> None:
    env = gymnasium.make(
        "puck/FetchPush-v4", render_mode="rgb_array", width=64, height=48
    )
    env.reset(seed=0)
    image = env.render()
    assert isinstance(image, np.ndarray)
    assert image.shape == (48, 64, 3)
    assert image.dtype == np.uint8
    assert image.std() > 10


def test_render_looks_from_where_the_task_is_filmed() -> None:
    env = PuckEnv(PLANAR, render_mode="rgb_array", width=64, height=48)
    env.reset(seed=0)
    image, core = env.render(), env._worlds  # pyright: ignore[reportPrivateUsage]
    task = env.task
    film = Film(core.sim, task.scene(), task.film_view, (64, 48), task.marker_radius_m)
    wanted = film.render(task.marker_pos_m(core.goal))[0].numpy()
    assert image is not None
    assert np.array_equal(image, wanted)


PLANAR = f"{ROOT}/examples/planar_pusher.py:PlanarPusher"


def test_horizon_and_frame_rate_are_the_task_s() -> None:
    """Planar Pusher: 30 steps an episode, ten decisions a second; Fetch: 50 and 25."""
    envs = PuckVectorEnv(2, PLANAR)
    envs.reset(seed=0)
    ends = [envs.step(np.zeros((2, 2), np.float32))[3].all() for _ in range(30)]
    assert ends == [False] * 29 + [True]
    assert envs.metadata["render_fps"] == PuckEnv(PLANAR).metadata["render_fps"] == 10
    assert PuckVectorEnv(1).metadata["render_fps"] == 25
    for id_ in ALL_IDS:
        spec = gymnasium.spec(id_)
        assert spec.max_episode_steps == make_task(spec.kwargs["task"]).spaces.horizon


def test_failed_physics_truncates_the_episode_and_does_not_terminate_it() -> None:
    env = PuckEnv("reach")
    env.reset(seed=0)
    action = np.zeros(4, np.float32)
    assert env.step(action)[2:4] == (False, False)
    env._worlds.sim.field("qvel")[0] = torch.nan  # pyright: ignore[reportPrivateUsage]
    assert env.step(action)[2:4] == (False, True)


def test_failed_physics_truncates_only_its_own_world() -> None:
    envs = PuckVectorEnv(3, "reach")
    envs.reset(seed=0)
    actions = np.zeros((3, 4), np.float32)
    envs.step(actions)
    envs._worlds.sim.field("qvel")[1] = torch.nan  # pyright: ignore[reportPrivateUsage]
    _, _, terminated, truncated, info = envs.step(actions)
    assert terminated.tolist() == [False, False, False]
    assert truncated.tolist() == [False, True, False]
    assert info["_final_obs"].tolist() == [False, True, False]


def test_close_ends_the_threads_of_the_film_and_may_be_called_twice() -> None:
    env = PuckEnv("reach", render_mode="rgb_array", width=16, height=16)
    env.reset(seed=0)
    env.render()
    env.close()
    env.close()
    with pytest.raises(RuntimeError, match="closed"):
        env.render()


def test_no_limit_of_steps_is_minus_one() -> None:
    envs = PuckVectorEnv(2, "reach", max_episode_steps=-1)
    envs.reset(seed=0)
    for _ in range(60):
        *_, terminated, truncated, _ = envs.step(np.zeros((2, 4), np.float32))
        assert not (terminated | truncated).any()

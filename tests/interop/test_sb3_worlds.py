"""Many worlds for Stable-Baselines3: what its algorithms, buffers and callbacks ask."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import PPO, SAC, HerReplayBuffer
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

import puckrl.interop.gym
from puckrl.core.errors import UserError
from puckrl.interop.gym import PuckVectorEnv
from puckrl.interop.sb3 import FrameReplayBuffer, PuckVecEnv, vec_env
from puckrl.interop.sb3.doctor import horizon_of

gymnasium.register_envs(puckrl.interop.gym)
TINY: dict[str, Any] = {"policy_kwargs": {"net_arch": [16]}, "batch_size": 16}


def test_worlds_end_as_sb3_wants_it() -> None:
    envs, inner = vec_env("reach", 2, max_episode_steps=3), PuckVectorEnv(2, "reach")
    envs.seed(5)
    obs, (wanted, _) = envs.reset(), inner.reset(seed=5)
    assert isinstance(obs, dict)
    np.testing.assert_array_equal(obs["desired_goal"], wanted["desired_goal"])
    actions = np.full((2, 4), 0.3, np.float32)
    for t in range(3):
        obs, rewards, dones, infos = envs.step(actions)
        wanted, reward, _, _, told = inner.step(actions)
        assert rewards.dtype == np.float32
        np.testing.assert_array_equal(rewards, reward)
        assert dones.tolist() == [t == 2] * 2
    assert isinstance(obs, dict)
    for world, info in enumerate(infos):  # pyright: ignore[reportPossiblyUnboundVariable]
        last = info["terminal_observation"]
        np.testing.assert_array_equal(last["observation"], wanted["observation"][world])
        assert info["TimeLimit.truncated"]
        assert info["is_success"] == told["is_success"][world]  # pyright: ignore[reportPossiblyUnboundVariable]
        assert info["episode"]["l"] == 3
        assert np.abs(obs["desired_goal"][world] - last["desired_goal"]).max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("buffer", [HerReplayBuffer, FrameReplayBuffer])
def test_hindsight_learns_in_many_worlds(buffer: Any, tmp_path: Any) -> None:
    envs = vec_env("puck/FetchReach-v4", num_envs=8)
    model = SAC(
        "MultiInputPolicy",
        envs,
        replay_buffer_class=buffer,
        buffer_size=2_000,
        learning_starts=410,
        seed=0,
        **TINY,
    )
    model.learn(440)
    assert model.num_timesteps == 440
    assert len(model.ep_success_buffer or ()) == 8
    model.save(tmp_path / "model")
    SAC.load(tmp_path / "model", env=vec_env("reach", 8))
    rewards, lengths = evaluate_policy(model, envs, 8, return_episode_rewards=True)
    assert len(rewards) == 8  # pyright: ignore[reportArgumentType]
    assert lengths == [50] * 8


@pytest.mark.slow
def test_images_of_many_worlds() -> None:
    envs = vec_env("puck/FetchReachPixels-v4", 2, height=40, width=40, stack=2)
    assert envs.get_attr("stack") == [2, 2]
    PPO("MultiInputPolicy", envs, n_steps=4, n_epochs=1, batch_size=8).learn(8)


def test_attributes_and_goals_of_some_worlds() -> None:
    envs = vec_env("reach", 3, reward="dense", max_episode_steps=7)
    assert isinstance(envs, VecMonitor)
    assert horizon_of(envs) == 7
    assert envs.get_attr("reward_type", 1) == ["dense"]
    assert envs.env_is_wrapped(gymnasium.Wrapper) == [False] * 3
    goal = np.array([1.3, 0.7, 0.5])
    envs.set_options({"goal": goal})
    obs = envs.reset()
    assert isinstance(obs, dict)
    assert (obs["desired_goal"] == goal).all()
    envs.set_attr("goal", goal + 1.0, indices=[2])
    assert [(g - goal).max().round() for g in envs.get_attr("goal")] == [0, 0, 1]
    [reward] = envs.env_method("compute_reward", goal, goal + 1.0, {}, indices=0)
    assert reward == pytest.approx(-np.sqrt(3.0))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"did you mean puck/FetchReach-v4\? Legal: puck/Fetch"
    ):
        vec_env("puck/FetchReach-v3")
    with pytest.raises(UserError, match="num_envs=0"):
        vec_env("reach", 0)
    with pytest.raises(UserError, match="reward='Dense'"):
        vec_env("reach", reward="Dense")
    with pytest.raises(UserError, match="SB3 wants SameStep"):
        vec_env("reach", 2, autoreset_mode="NextStep")
    with pytest.raises(UserError, match="made already"):
        vec_env(PuckVectorEnv(2, "reach"), 3)
    envs = PuckVecEnv(PuckVectorEnv(2, "reach"))
    envs.set_options([{"goal": np.zeros(3)}, {}])
    with pytest.raises(UserError, match="set it for all"):
        envs.reset()
    for use in (
        lambda: envs.set_attr("task", "push"),
        lambda: envs.env_method("reset"),
        lambda: envs.get_attr("no such thing"),
    ):
        with pytest.raises(AttributeError):
            use()


def test_a_buffer_refuses_what_means_nothing() -> None:
    def build(**options: Any) -> FrameReplayBuffer:
        envs = vec_env("reach", 2)
        space: Any = envs.observation_space
        options = {"buffer_size": 200, "n_envs": 2, **options}
        return FrameReplayBuffer(
            observation_space=space,
            action_space=envs.action_space,
            env=envs,
            device="cpu",
            **options,
        )

    slips: list[dict[str, Any]] = [
        *({"buffer_size": size} for size in (0, -1, 2.5, 99)),  # 2 worlds x 50 steps
        *({"n_sampled_goal": k} for k in (-1, -2, np.nan, "4")),
        *({"horizon": n} for n in (0, -5, 2.5)),
        *({"stack": k} for k in (0, -1, 1.5)),
        *({"frames_on": place} for place in ("gpu", None, 0)),
        *({"goal_selection_strategy": name} for name in ("later", 3, None)),
        {"handle_timeout_termination": "yes"},
        {"n_envs": 0},
    ]
    for slip in slips:
        [name] = slip
        with pytest.raises(UserError, match=name):
            build(**slip)
    for legal in ({"n_sampled_goal": 0}, {"n_sampled_goal": 0.5}, {"buffer_size": 100}):
        build(**legal)

"""Stable-Baselines3 learns our environment with its own SAC and HER."""

import gymnasium
import pytest
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

import puckrl.interop.gym

gymnasium.register_envs(puckrl.interop.gym)


@pytest.mark.learn
def test_sac_with_her_learns_to_reach() -> None:
    env = gymnasium.make("puck/FetchReach-v4")
    model = SAC(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        learning_starts=200,
        batch_size=256,
        gamma=0.95,
        tau=0.05,
        learning_rate=1e-3,
        # From its automatic start of 1 the temperature alone takes 5,000 steps to fall
        ent_coef=0.02,
        gradient_steps=2,
        policy_kwargs={"net_arch": [256, 256]},
        seed=0,
    )
    model.learn(5000)
    successes = []

    def note(local: dict[str, object], _: dict[str, object]) -> None:
        info = local["info"]
        assert isinstance(info, dict)
        if local["done"]:
            successes.append(info["is_success"])

    evaluate_policy(model, Monitor(env), n_eval_episodes=100, callback=note)
    assert len(successes) == 100
    assert sum(successes) >= 95

"""Train Stable-Baselines3's SAC from cameras, with our replay, encoder and policy.

python examples/sb3_pixels.py            FetchReach
python examples/sb3_pixels.py Push       much longer: it must also find the object

The policy observes the images and the desired goal, but not the position of its hand.
"""

import logging
import sys

import gymnasium
from stable_baselines3 import SAC

import puckrl.interop.gym
from puckrl.interop.sb3 import CriticEncoderPolicy, DoctorCallback, FrameReplayBuffer

gymnasium.register_envs(puckrl.interop.gym)


def learner(task: str, seed: int = 0) -> SAC:
    """Make SAC with hindsight, from two cameras."""
    env = gymnasium.make(
        f"puck/Fetch{task}Pixels-v4",
        height=32,
        width=32,
        viewpoints=("side", "front"),
        stack=3,
    )
    return SAC(
        CriticEncoderPolicy,
        env,
        gamma=0.95,
        tau=0.02,
        train_freq=4,
        gradient_steps=1,
        learning_starts=1000,
        buffer_size=200_000,
        replay_buffer_class=FrameReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4},
        policy_kwargs={
            "net_arch": [256, 256],
            "features_extractor_kwargs": {
                "kind": "padded",
                "head": "spatial-softmax",
                "channels": 16,
                "vectors": ("desired_goal",),
            },
        },
        seed=seed,
        verbose=1,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    task = sys.argv[1] if len(sys.argv) > 1 else "Reach"
    model = learner(task)
    model.learn(200_000 if task == "Push" else 20_000, callback=DoctorCallback())
    model.save(f"sb3-{task.lower()}-pixels")

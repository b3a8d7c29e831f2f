"""Measure images in Stable-Baselines3's replay buffers and ours -> results/sb3_memory.csv.

python benchmarks/sb3_memory.py

FetchPush at 84 x 84 RGB in stacks of four; the same episodes of random play in every buffer.
Bytes count all arrays, per transition of the capacity. The buffers sample batches of 256
alternately, with one torch thread; rates are ratios to SB3's HerReplayBuffer.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv

import puckrl.interop.gym
from puckrl.bench.race import Contender, race
from puckrl.core.runtime import torch_threads
from puckrl.interop.sb3 import FrameReplayBuffer
from puckrl.report.tables import TableRow, manifest, write_table

ENV = "puck/FetchPushPixels-v4"
PICTURE = {"height": 84, "width": 84, "stack": 4}
EPISODES, HORIZON, BATCH, BATCHES, REPEATS = 80, 50, 256, 10, 9

gymnasium.register_envs(puckrl.interop.gym)


def main() -> None:
    """Fill the buffers, measure their memory and speed, and write the table."""
    env = DummyVecEnv([partial(gymnasium.make, ENV, **PICTURE)])
    size = EPISODES * HORIZON
    seen, acted = env.observation_space, env.action_space
    assert isinstance(seen, gymnasium.spaces.Dict)
    buffers: dict[str, ReplayBuffer] = {
        "SB3 HerReplayBuffer": HerReplayBuffer(size, seen, acted, env, "cpu"),
        "SB3 DictReplayBuffer": DictReplayBuffer(size, seen, acted, "cpu"),
        "puckrl FrameReplayBuffer": FrameReplayBuffer(size, seen, acted, env, "cpu"),
    }
    for step in random_play(env, size):
        for buffer in buffers.values():
            buffer.add(*step)

    def draw(buffer: ReplayBuffer) -> int:
        for _ in range(BATCHES):
            buffer.sample(BATCH)
        return BATCHES

    contenders = [
        Contender(name, lambda: None, partial(draw, buffer))
        for name, buffer in buffers.items()
    ]
    with torch_threads(1):
        raced = race(contenders, REPEATS)
    weights = {name: weight(buffer) / size for name, buffer in buffers.items()}
    lightest = min(weights.values())
    rows: list[TableRow] = [
        {
            "buffer": name,
            "bytes_per_transition": round(bytes_, 1),
            "times_ours": round(bytes_ / lightest, 2),
            "gb_per_million": round(bytes_ / 1e3, 1),
            "batches_per_s_ratio": row["ratio"],
        }
        for (name, bytes_), row in zip(weights.items(), raced, strict=True)
    ]
    print(*rows, sep="\n")
    about = manifest(env=ENV, **PICTURE, episodes=EPISODES, batch=BATCH)
    write_table(Path("results/sb3_memory.csv"), rows, about)


def random_play(env: DummyVecEnv, steps: int) -> Iterator[tuple[Any, ...]]:
    """Yield arguments of ``ReplayBuffer.add``, as SB3's algorithms make them."""
    env.seed(0)
    env.action_space.seed(0)
    obs = env.reset()
    for _ in range(steps):
        action = env.action_space.sample()[None]
        begun, reward, done, infos = env.step(action)
        then = begun
        if done[0]:
            final = infos[0]["terminal_observation"]
            then = {name: value[None] for name, value in final.items()}
        yield obs, then, action, reward, done, infos
        obs = begun


def weight(buffer: object) -> int:
    """Return the bytes of all arrays and tensors that hold transitions, infos excluded."""
    owner = buffer.episodes if isinstance(buffer, FrameReplayBuffer) else buffer
    found = [v for name, v in vars(owner).items() if name != "infos"]
    kept = [v for f in found for v in (f.values() if isinstance(f, dict) else [f])]
    return sum(v.nbytes for v in kept if isinstance(v, np.ndarray | torch.Tensor))


if __name__ == "__main__":
    main()

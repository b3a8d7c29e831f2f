"""Measure replay buffers of vectors: ours and Stable-Baselines3's."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from puckrl.bench.gymnasium_robotics import make_reference
from puckrl.bench.race import Contender, race
from puckrl.core.errors import UserError
from puckrl.core.rng import generator
from puckrl.core.runtime import torch_threads
from puckrl.core.types import BatchSpec, Obs, Spaces, Step
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.settings import ReplayCfg
from puckrl.report.tables import TableRow
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import Task

_WORLDS = 20  # fill the buffers at the same time


@dataclass(frozen=True)
class ReplayBenchCfg:
    """Configure the benchmark of the replay buffers."""

    transitions: int = 100_000
    """Transitions stored before sampling, the same on both sides."""
    batch_sizes: tuple[int, ...] = (256, 1024)
    """Transitions per batch."""
    batches: int = 200
    """Batches per repeat."""
    repeats: int = 9
    """How often the race is repeated."""


def bench_replay(cfg: ReplayBenchCfg) -> list[TableRow]:
    """Measure batches per second with hindsight, with the shapes of Push.

    Both buffers relabel four of five goals with the strategy ``future``, recompute
    rewards and return float32 torch tensors on the CPU. Torch gets one thread: batches
    are too small to share, and two threads that wait for each other on a busy machine
    are slower by a factor of 10 to 100.

    Raises:
        UserError: if Stable-Baselines3 is not installed.
    """
    task = make_task("push")
    episodes = _episodes(task.spaces, cfg.transitions)
    buffer = _filled_buffer(task, episodes)
    theirs = _filled_sb3(episodes)
    rng = generator(0, "bench", torch.device("cpu"))
    rows: list[TableRow] = []
    for size in cfg.batch_sizes:
        ways = {
            "SB3 HerReplayBuffer": partial(theirs.sample, size),
            "EpisodeReplayBuffer": partial(buffer.sample, BatchSpec(size), rng),
        }
        contenders = [
            Contender(name, lambda: None, partial(_repeat, way, cfg.batches))
            for name, way in ways.items()
        ]
        with torch_threads(1):
            timed = race(contenders, cfg.repeats)
        rows += [{"batch": size, **row} for row in timed]
    return rows


def _repeat(function: Callable[[], object], times: int) -> int:
    """Call a function ``times`` times and return ``times``."""
    for _ in range(times):
        function()
    return times


def _episodes(spaces: Spaces, transitions: int) -> dict[str, Tensor]:
    """Draw noise in the shape of episodes, (rounds, horizon + 1, _WORLDS, ...) each."""
    rounds = transitions // (spaces.horizon * _WORLDS)
    sizes = {
        "state": spaces.state_dim,
        "achieved_goal": spaces.goal_dim,
        "desired_goal": spaces.goal_dim,
        "action": spaces.action_dim,
    }
    rng = generator(0, "episodes", torch.device("cpu"))
    shape = (rounds, spaces.horizon + 1, _WORLDS)
    return {n: torch.rand(*shape, dim, generator=rng) for n, dim in sizes.items()}


def _filled_buffer(task: Task, episodes: dict[str, Tensor]) -> EpisodeReplayBuffer:
    """Return our buffer, filled with the episodes."""
    rounds, steps, device = *episodes["state"].shape[:2], torch.device("cpu")
    cfg = ReplayCfg(capacity=rounds * (steps - 1) * _WORLDS)
    buffer = EpisodeReplayBuffer(
        cfg, task.spaces, _WORLDS, task.reward, task.terminated, device, device
    )
    never = torch.zeros(_WORLDS, dtype=torch.bool)
    buffer.begin(_obs(episodes, 0, 0))
    for index in range(rounds):
        begin = _obs(episodes, (index + 1) % rounds, 0)
        for t in range(steps - 1):
            then, last = _obs(episodes, index, t + 1), t == steps - 2
            action = episodes["action"][index, t]
            step = Step.recorded(then, never | last, begin if last else then)
            buffer.add(action, step)
    return buffer


def _obs(episodes: dict[str, Tensor], index: int, t: int) -> Obs:
    """Return the observations of round ``index`` before step ``t``."""
    names = ("state", "achieved_goal", "desired_goal")
    return {name: episodes[name][index, t] for name in names}


def _filled_sb3(episodes: dict[str, Tensor]) -> Any:
    """Return Stable-Baselines3's buffer, filled with the same episodes."""
    try:
        from stable_baselines3 import HerReplayBuffer
        from stable_baselines3.common.vec_env import DummyVecEnv
    except ImportError as error:
        raise UserError(
            "this benchmark needs Stable-Baselines3; do: pip install 'puckrl[sb3]'"
        ) from error
    rounds, steps = episodes["state"].shape[:2]
    env = DummyVecEnv([lambda: make_reference("push")])
    assert isinstance(env.observation_space, gymnasium.spaces.Dict)
    # One row more than needed: a row that is written again voids its whole episode
    buffer = HerReplayBuffer(
        (rounds * (steps - 1) + 1) * _WORLDS,
        env.observation_space,
        env.action_space,
        env,
        n_envs=_WORLDS,
        n_sampled_goal=4,
        goal_selection_strategy="future",
    )
    infos: list[dict[str, Any]] = [{}] * _WORLDS
    for index in range(rounds):
        for t in range(steps - 1):
            now, then = (_sb3_obs(episodes, index, at) for at in (t, t + 1))
            action = episodes["action"][index, t].numpy()
            done = np.full(_WORLDS, t == steps - 2)
            buffer.add(now, then, action, np.full(_WORLDS, -1.0), done, infos)
    return buffer


def _sb3_obs(
    episodes: dict[str, Tensor], index: int, t: int
) -> dict[str, NDArray[np.float32]]:
    """Return the same observations as numpy arrays, with the reference's names."""
    obs = {name: value.numpy() for name, value in _obs(episodes, index, t).items()}
    return {"observation": obs.pop("state"), **obs}

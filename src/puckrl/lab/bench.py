"""How fast are we: physics and memory, side by side with what others use."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AsyncVectorEnv
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray
from torch import Tensor

from puckrl.core.errors import UserError, unknown
from puckrl.core.rng import generator
from puckrl.core.runtime import torch_threads
from puckrl.core.types import Obs, Spaces
from puckrl.envs.goal_env import GoalEnv
from puckrl.lab.race import Contender, race
from puckrl.lab.reference import make_reference
from puckrl.lab.results import Row
from puckrl.replay.episodes import EpisodeRing, ReplayCfg
from puckrl.sim.cpu import CpuSim
from puckrl.tasks.catalog import TASKS, make_task
from puckrl.tasks.fetch.fetch import FetchTask
from puckrl.tasks.task import Task

_CONTROLS = ("mocap_pos", "mocap_quat", "ctrl")
_WORLDS = 20  # that fill the memories at the same time
_FINGERS = ("robot0:r_gripper_finger_joint", "robot0:l_gripper_finger_joint")


# -- physics --------------------------------------------------------------------


@dataclass(frozen=True)
class SimBenchCfg:
    """What to measure of the simulation."""

    task: str = "push"
    """A Fetch task."""
    num_worlds: int = 64
    """Worlds of the batch."""
    repeats: int = 9
    """Rounds; each plays one episode in every world."""
    reference: bool = True
    """Also measure gymnasium-robotics, alone and in gymnasium's AsyncVectorEnv."""


def bench_sim(cfg: SimBenchCfg) -> list[Row]:
    """Control steps per second of the same episode, played in different ways.

    - ``mujoco.batch, step + forward``: recorded controls into the batch, 20 physics
      steps, and the forward pass that the reference's semantics ask for (it moves the
      fingers back after each control step). The floor: nothing is observed,
      rewarded or reset. PickAndPlace drives the fingers and needs no such pass.
    - ``mujoco.batch, step``: the same without the forward pass, for comparison.
    - ``GoalEnv``: actions in, observations, rewards and resets out.
    - ``gymnasium-robotics``: one environment; and as many as there are cores in
      gymnasium's AsyncVectorEnv. They play random actions of their own.

    Raises:
        UserError: if the task is not one of the Fetch tasks.
    """
    if cfg.task not in TASKS:
        raise unknown("Fetch task", cfg.task, TASKS)
    # One torch thread: its idle threads spin, and MuJoCo's pool needs the cores
    with torch_threads(1), contextlib.ExitStack() as stack:
        contenders = _batch_contenders(cfg)
        if cfg.reference:
            contenders += _reference_contenders(cfg.task, stack)
        return race(contenders, cfg.repeats)


def _batch_contenders(cfg: SimBenchCfg) -> list[Contender]:
    """Our environment, and bare loops that repeat what it did."""
    task = make_task(cfg.task)
    assert isinstance(task, FetchTask)
    env = GoalEnv(task, CpuSim(task.scene().compile(), cfg.num_worlds))
    env.reset()
    start = env.snapshot()
    shape = (env.spaces.horizon, cfg.num_worlds, env.spaces.action_dim)
    rng = generator(0, "bench", torch.device("cpu"))
    actions = torch.rand(shape, generator=rng) * 2 - 1
    bare = _Bare(env, actions)

    def play() -> int:
        for action in actions:
            env.step(action)
        return shape[0] * shape[1]

    ways = [
        Contender("mujoco.batch, step", bare.rewind, bare.play),
        Contender("GoalEnv", lambda: env.restore(start), play),
    ]
    if task.cfg.driven_fingers:
        return ways
    floor = "mujoco.batch, step + forward"
    return [Contender(floor, bare.rewind, bare.play_with_forward), *ways]


class _Bare:
    """A loop over mujoco.batch that repeats an episode of ``env``, and nothing else.

    It runs on a batch of its own, so that no derived field is copied out for it.
    """

    def __init__(self, env: GoalEnv, actions: Tensor) -> None:
        sim = env.sim
        assert isinstance(sim, CpuSim)
        self._substeps = env.task.substeps
        self._batch = CpuSim(sim.model, sim.num_worlds).batch
        self._start = sim.batch.state.copy()
        self._qpos = self._batch.bind("qpos")
        self._fingers = [int(sim.model.joint(name).qposadr[0]) for name in _FINGERS]
        self._targets = [self._batch.bind(name) for name in _CONTROLS]
        self._controls: list[list[NDArray[np.float64]]] = []
        for action in actions:
            env.step(action)
            row = [sim.batch.bind(name).copy() for name in _CONTROLS]
            self._controls.append(row)

    def rewind(self) -> None:
        """Back to the first state."""
        self._batch.state[:] = self._start

    def play(self) -> int:
        """The episode, physics steps only."""
        for row in self._controls:
            self._control(row)
            self._batch.step(nstep=self._substeps)
        return len(self._controls) * self._batch.nsim

    def play_with_forward(self) -> int:
        """The episode as the reference plays it."""
        for row in self._controls:
            self._control(row)
            self._batch.step(nstep=self._substeps)
            self._qpos[:, self._fingers] = 0.0
            self._batch.forward()
        return len(self._controls) * self._batch.nsim

    def _control(self, row: list[NDArray[np.float64]]) -> None:
        for target, value in zip(self._targets, row, strict=True):
            target[:] = value


def _reference_contenders(task: str, stack: contextlib.ExitStack) -> list[Contender]:
    """gymnasium-robotics, one environment and several in processes."""
    single = _limited(task)
    cores = os.cpu_count() or 1
    several = stack.enter_context(
        contextlib.closing(AsyncVectorEnv([lambda: _limited(task)] * cores))
    )
    actions = np.random.default_rng(0).uniform(-1, 1, (50, cores, 4))
    actions = actions.astype(np.float32)

    def play_single() -> int:
        for action in actions[:, 0]:
            single.step(action)
        single.reset()
        return len(actions)

    def play_several() -> int:
        for action in actions:
            several.step(action)
        return actions.shape[0] * cores

    return [
        Contender("gymnasium-robotics, 1 environment", single.reset, play_single),
        Contender(f"AsyncVectorEnv of it, x{cores}", several.reset, play_several),
    ]


def _limited(task: str) -> gymnasium.Env:
    """The reference with the time limit it is registered with."""
    return TimeLimit(make_reference(task), max_episode_steps=50)


# -- replay ---------------------------------------------------------------------


@dataclass(frozen=True)
class ReplayBenchCfg:
    """What to measure of the memory."""

    transitions: int = 100_000
    """Stored before sampling, on both sides the same ones."""
    batch_sizes: tuple[int, ...] = (256, 1024)
    """Transitions per batch."""
    batches: int = 200
    """Batches per repeat."""
    repeats: int = 9
    """Rounds."""


def bench_replay(cfg: ReplayBenchCfg) -> list[Row]:
    """Batches per second with hindsight, ours and Stable-Baselines3's, shapes of Push.

    Both relabel four of five goals with the strategy ``future``, recompute rewards
    and hand over float32 torch tensors on the CPU. One torch thread: batches are too
    small to share, and two threads that wait for each other on a busy machine are
    slower by a factor of 10 to 100.

    Raises:
        UserError: if Stable-Baselines3 is not installed.
    """
    task = make_task("push")
    episodes = _episodes(task.spaces, cfg.transitions)
    ring = _filled_ring(task, episodes)
    theirs = _filled_sb3(episodes)
    rng = generator(0, "bench", torch.device("cpu"))
    rows: list[Row] = []
    for size in cfg.batch_sizes:
        ways = {
            "SB3 HerReplayBuffer": partial(theirs.sample, size),
            "EpisodeRing": partial(ring.sample, size, rng),
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
    """Call a function again and again; how often."""
    for _ in range(times):
        function()
    return times


def _episodes(spaces: Spaces, transitions: int) -> dict[str, Tensor]:
    """Noise in the shape of episodes, (rounds, horizon + 1, _WORLDS, ...) each."""
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


def _filled_ring(task: Task, episodes: dict[str, Tensor]) -> EpisodeRing:
    """Our memory with the episodes in it."""
    rounds, steps, device = *episodes["state"].shape[:2], torch.device("cpu")
    cfg = ReplayCfg(capacity=rounds * (steps - 1) * _WORLDS)
    ring = EpisodeRing(
        cfg, task.spaces, _WORLDS, task.reward, task.terminated, device, device
    )
    never = torch.zeros(_WORLDS, dtype=torch.bool)
    ring.begin(_obs(episodes, 0, 0))
    for index in range(rounds):
        begin = _obs(episodes, (index + 1) % rounds, 0)
        for t in range(steps - 1):
            then, last = _obs(episodes, index, t + 1), t == steps - 2
            action = episodes["action"][index, t]
            ring.add(action, then, never | last, never, begin if last else then)
    return ring


def _obs(episodes: dict[str, Tensor], index: int, t: int) -> Obs:
    """The observations of round ``index`` before step ``t``."""
    names = ("state", "achieved_goal", "desired_goal")
    return {name: episodes[name][index, t] for name in names}


def _filled_sb3(episodes: dict[str, Tensor]) -> Any:
    """Stable-Baselines3's memory with the same episodes in it."""
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
    """The same under the reference's names, as numpy arrays."""
    obs = {name: value.numpy() for name, value in _obs(episodes, index, t).items()}
    return {"observation": obs.pop("state"), **obs}

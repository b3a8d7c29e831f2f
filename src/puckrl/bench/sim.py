"""Measure the physics: ours, a bare loop, and gymnasium-robotics."""

import contextlib
import os
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AsyncVectorEnv
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray
from torch import Tensor

from puckrl.bench.gymnasium_robotics import make_reference
from puckrl.bench.race import Contender, race
from puckrl.core.errors import unknown
from puckrl.core.rng import generator
from puckrl.core.runtime import torch_threads
from puckrl.envs.goal_env import GoalEnv
from puckrl.report.tables import TableRow
from puckrl.sim.cpu import CpuSim
from puckrl.tasks.catalog import FETCH, make_task
from puckrl.tasks.fetch.fetch import FetchTask

_CONTROLS = ("mocap_pos", "mocap_quat", "ctrl")
_FINGERS = ("robot0:r_gripper_finger_joint", "robot0:l_gripper_finger_joint")


@dataclass(frozen=True)
class SimBenchCfg:
    """Configure the benchmark of the simulation."""

    task: str = "push"
    """A Fetch task."""
    num_worlds: int = 64
    """Worlds in the batch."""
    repeats: int = 9
    """How often the race is repeated; a repeat plays one episode in every world."""
    reference: bool = True
    """Also measure gymnasium-robotics, alone and in gymnasium's AsyncVectorEnv."""


def bench_sim(cfg: SimBenchCfg) -> list[TableRow]:
    """Measure control steps per second of the same episode, played in different ways.

    - ``mujoco.batch, step + forward``: write recorded controls, take 20 physics steps,
      and make the forward pass that the reference's semantics need (the reference moves
      the fingers back after each control step). This is the lower bound: it computes no
      observation, reward or reset. PickAndPlace actuates the fingers and needs no such
      pass.
    - ``mujoco.batch, step``: the same without the forward pass, for comparison.
    - ``GoalEnv``: takes actions, returns observations and rewards, and resets.
    - ``gymnasium-robotics``: one environment, and one per core in gymnasium's
      AsyncVectorEnv. They play random actions of their own.

    Raises:
        UserError: if the task is not one of the Fetch tasks.
    """
    if cfg.task not in FETCH:
        raise unknown("Fetch task", cfg.task, FETCH)
    # One torch thread: its idle threads spin, and MuJoCo's pool needs the cores
    with torch_threads(1), contextlib.ExitStack() as stack:
        contenders = _batch_contenders(cfg)
        if cfg.reference:
            contenders += _reference_contenders(cfg.task, stack)
        return race(contenders, cfg.repeats)


def _batch_contenders(cfg: SimBenchCfg) -> list[Contender]:
    """Return our environment, and bare loops that repeat its episode."""
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
    """Repeat an episode of ``env`` on mujoco.batch, and do nothing else.

    It has a batch of its own, so no derived field is copied out for it.
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
        """Return to the first state."""
        self._batch.state[:] = self._start

    def play(self) -> int:
        """Play the episode, physics steps only."""
        for row in self._controls:
            self._control(row)
            self._batch.step(nstep=self._substeps)
        return len(self._controls) * self._batch.nsim

    def play_with_forward(self) -> int:
        """Play the episode as the reference does."""
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
    """Return gymnasium-robotics: one environment, and several in processes."""
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
    """Return the reference with the time limit of its registration."""
    return TimeLimit(make_reference(task), max_episode_steps=50)

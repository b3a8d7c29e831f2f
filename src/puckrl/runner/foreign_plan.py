"""The plan of a run in a foreign environment: how many worlds pay, and what bounds the run."""

import math
import os
import time
from contextlib import closing
from dataclasses import dataclass, replace

import torch
from rich.console import Group
from rich.table import Table
from rich.text import Text

from puckrl.config.bounds import check_bounds
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.core.foreign import id_of
from puckrl.core.runtime import torch_threads
from puckrl.core.words import duration
from puckrl.envs.foreign.gym_make import make_gym
from puckrl.envs.foreign.gymnasium import GymWorlds
from puckrl.envs.foreign.settings import ForeignCfg
from puckrl.replay.steps import StepReplayBuffer
from puckrl.runner.build import make_agent, make_replay
from puckrl.runner.memory import free_ram
from puckrl.training.collect import Collector

_MOST_WORLDS, _GROWTH = 256, 4
_PAYS = 1.3
"""Factor of steps per second below which a doubling of the worlds does not pay."""
_MEASURED_S = 1.0
_UPDATES = 5
_FREE_SHARE = 0.5


@dataclass(frozen=True)
class Point:
    """The speed of some worlds."""

    worlds: int
    """Number of worlds."""
    steps_per_s: float
    """Env steps per second under random actions, all worlds together."""


@dataclass(frozen=True)
class ForeignPlan:
    """What is known before the run."""

    task: str
    """Name of the environment."""
    points: tuple[Point, ...]
    """Speeds, fewest worlds first."""
    update_s: float
    """Seconds of an uncompiled update."""
    update_ratio: float
    """Updates per env step."""
    ok: bool = True
    """Whether the run may start."""

    @property
    def knee(self) -> Point:
        """The most worlds that still pay: a doubling gave at least 1.3 times the steps."""
        best = self.points[0]
        for point in self.points[1:]:
            doublings = math.log2(point.worlds / best.worlds)
            if point.steps_per_s < best.steps_per_s * _PAYS**doublings:
                break
            best = point
        return best

    def words(self) -> str:
        """Say what bounds the run, in one sentence."""
        best, wanted = self.knee, self.knee.steps_per_s * self.update_ratio
        can = 1.0 / self.update_s
        asked = f"{self.update_ratio:g} updates a step want {wanted:,.0f} updates/s"
        if can < wanted:
            return (
                f"learning is the bottleneck: at {best.worlds} worlds {asked}, and an uncompiled "
                f"update allows {can:,.0f}; more worlds do not help"
            )
        return (
            f"the environment is the bottleneck: at {best.worlds} worlds {asked}, and updates "
            f"allow {can:,.0f}/s; a higher --loop.update-ratio costs little time"
        )

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "task": self.task,
            "points": [vars(point) for point in self.points],
            "knee": self.knee.worlds,
            "update_s": self.update_s,
            "update_ratio": self.update_ratio,
            "words": self.words(),
            "ok": self.ok,
        }


def plan_foreign(cfg: RunCfg) -> ForeignPlan:
    """Measure an environment with 1, 4, 16, ... worlds, and an update.

    It ends where a doubling no longer pays, or the next worlds would not fit in memory.

    Raises:
        UserError: if the environment cannot be made or stepped.
    """
    check_bounds(cfg)
    points: list[Point] = []
    update_s, worlds = math.nan, 1
    while worlds <= _MOST_WORLDS:
        before = free_ram()
        settings = cfg.foreign or ForeignCfg()
        with closing(make_gym(id_of(cfg.task), settings, worlds)) as env:
            points.append(Point(worlds, _steps_per_s(env)))
            if math.isnan(update_s):
                update_s = _update_s(cfg, env)
            taken = max(before - free_ram(), 0)
        made = ForeignPlan(cfg.task, tuple(points), update_s, cfg.loop.update_ratio)
        if made.knee.worlds < worlds or taken * _GROWTH > _FREE_SHARE * free_ram():
            break
        worlds *= _GROWTH
    return ForeignPlan(cfg.task, tuple(points), update_s, cfg.loop.update_ratio)


def _steps_per_s(env: GymWorlds) -> float:
    """Return env steps per second under random actions."""
    rng = torch.Generator().manual_seed(0)
    shape = (env.num_worlds, env.spaces.action_dim)
    env.reset()
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < _MEASURED_S:
        env.step(2 * torch.rand(shape, generator=rng) - 1)
        steps += env.num_worlds
    return steps / (time.perf_counter() - began)


def _update_s(cfg: RunCfg, env: GymWorlds) -> float:
    """Return the seconds of an uncompiled update, on the CPU."""
    cpu = torch.device("cpu")
    small = max(env.spaces.horizon, cfg.replay.n_step + 1)
    cfg = replace(cfg, replay=replace(cfg.replay, capacity=small * env.num_worlds))
    agent = make_agent(cfg, env.spaces, cpu, None)
    replay = make_replay(cfg, env, cpu)
    with torch_threads(1):
        steps = 10 if isinstance(replay, StepReplayBuffer) else env.spaces.horizon
        Collector(env, replay).collect(agent.behavior, steps)
    if not replay.added:
        raise UserError(f"{cfg.task}: no episode ended within its horizon")
    batch = replay.sample(agent.batch_spec, torch.Generator().manual_seed(0))
    took: list[float] = []
    for _ in range(_UPDATES):
        began = time.perf_counter()
        agent.update(batch)
        took.append(time.perf_counter() - began)
    return min(took) / agent.updates_per_round


def render_foreign(made: ForeignPlan) -> Group:
    """Return the plan for a terminal."""
    table = Table(box=None, title=f"plan of {made.task} on {os.cpu_count()} cores")
    for heading in ("worlds", "env steps/s", "a control step"):
        table.add_column(heading, justify="right")
    for point in made.points:
        step_s = point.worlds / point.steps_per_s
        shown = f"{1e3 * step_s:.2f} ms" if step_s < 1 else duration(step_s)
        table.add_row(f"{point.worlds}", f"{point.steps_per_s:,.0f}", shown)
    most = made.knee
    gain = most.steps_per_s / made.points[0].steps_per_s
    advice = f"--sim.num-worlds {most.worlds}: {gain:.1f} times the steps of one world"
    return Group(table, Text(advice), Text(made.words()))

"""Before the run: memory, time, what the encoder can see, what is misconfigured.

Nothing of the run's size is allocated: sizes are computed, speeds are probed with few
worlds and one uncompiled update, pictures are taken of a handful of worlds.
"""

import logging
import math
import os
import statistics
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Group
from rich.table import Table
from rich.text import Text

from puckrl.config.bounds import check_bounds
from puckrl.config.conflicts import Notice, conflicts
from puckrl.config.run_cfg import RunCfg, config_hash
from puckrl.core.errors import UserError
from puckrl.core.runtime import torch_threads
from puckrl.core.types import PixelSpace
from puckrl.envs.goal_env import GoalEnv
from puckrl.runner.build import check_sensors, make_agent, make_env, make_replay
from puckrl.runner.memory import (
    Memory,
    memory_of,
    no_room_on_disk,
    size_text,
    too_large,
)
from puckrl.runner.sensors import seen_text, sensor_rows
from puckrl.runner.visibility import Footprint, footprints
from puckrl.tasks.catalog import make_task
from puckrl.training.collect import Collector

log = logging.getLogger(__name__)

_PROBE_WORLDS, _PROBE_STEPS, _PROBE_ROUNDS, _PROBE_PICTURES = 16, 25, 3, 64
_BUSY = 0.5  # cores
_SMALL_CELLS = 1.0
_SEEN_SHARE = 0.75


@dataclass(frozen=True)
class Speed:
    """Measured just now, in a second or two."""

    env_steps_per_s: float
    """Collecting, cameras included, with sixteen worlds."""
    update_s: float
    """One update as it is written; compiled ones take a third or less."""
    budget_s: float
    """Time of the whole budget at these speeds; inf without one."""
    busy_cores: float
    """Cores that other programs kept busy: the load of the last minute."""


@dataclass(frozen=True)
class Plan:
    """Everything that can be known before the run."""

    preset: str
    """Name of the preset."""
    config_hash: str
    """Of the configuration."""
    memory: Memory
    """The replay."""
    speed: Speed | None
    """Expected pace; None where it would need a GPU that is not here."""
    sensors: dict[str, tuple[str, ...]]
    """What actor and critics get."""
    sizes: dict[str, tuple[int, ...]]
    """Shapes of these sensors."""
    footprints: list[Footprint]
    """What cameras show of the object."""
    findings: list[Notice]
    """Errors, notes, warnings."""

    @property
    def ok(self) -> bool:
        """Whether the run may start."""
        return not any(finding.level == "error" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; a budget without end is None."""
        tree = asdict(self)
        if self.speed is not None and math.isinf(self.speed.budget_s):
            tree["speed"]["budget_s"] = None
        return {**tree, "ok": self.ok}


def plan(cfg: RunCfg) -> Plan:
    """Look ahead.

    Raises:
        UserError: for a number out of range, or a network that is to see a sensor that
            is not there.
    """
    check_bounds(cfg)
    small = replace(cfg.sim, backend="cpu", num_worlds=_PROBE_WORLDS)
    env = make_env(cfg.task, small, reward=cfg.reward, pixels=cfg.pixels)
    env.task.check_contacts(cfg.sim.contacts)
    check_sensors(cfg.agent, env.spaces)
    memory = memory_of(cfg, env.spaces)
    shown = footprints(env, cfg.pixels, cfg.agent.vision.encoder)
    findings = [
        *([] if memory.fits else [too_large(memory)]),
        *no_room_on_disk(memory, Path()),
        *(finding for shot in shown for finding in _visibility(shot)),
        *conflicts(cfg, env.spaces),
    ]
    return Plan(
        preset=cfg.preset,
        config_hash=config_hash(cfg),
        memory=memory,
        speed=None if cfg.sim.backend == "warp" else _probe(cfg, env),
        sensors={"actor": cfg.agent.actor_sensors, "critics": cfg.agent.critic_sensors},
        sizes={row.name: row.shape for row in sensor_rows(env.spaces)},
        footprints=shown,
        findings=sorted(findings, key=Notice.rank),
    )


def admit(cfg: RunCfg) -> Memory:
    """What of the plan takes no time, before every run: warnings are logged.

    Returns:
        What the replay will take.

    Raises:
        UserError: for the first error.
    """
    check_bounds(cfg)
    size, views = cfg.pixels, len(cfg.pixels.viewpoints)
    pixels = PixelSpace(size.height, size.width, 3 * views, size.stack)
    task = make_task(cfg.task, cfg.reward)
    task.check_contacts(cfg.sim.contacts)
    spaces = task.spaces
    spaces = replace(spaces, pixels=pixels if views else None)
    check_sensors(cfg.agent, spaces)
    memory = memory_of(cfg, spaces)
    findings = [] if memory.fits else [too_large(memory)]
    for finding in (*findings, *conflicts(cfg, spaces)):
        if finding.level == "error":
            raise UserError(finding.text)
        if finding.level == "warning":
            log.warning("%s", finding.text)
    return memory


def _visibility(shot: Footprint) -> list[Notice]:
    """Whether the object is there to be seen, and after the last layer too."""
    name, _, cells = shot.layers[-1]
    if shot.seen_share < _SEEN_SHARE:
        return [
            Notice(
                "warning",
                f"from {shot.viewpoint} the object is seen in only "
                f"{100 * shot.seen_share:.0f} % of worlds; choose another viewpoint",
            )
        ]
    if cells < _SMALL_CELLS:
        return [
            Notice(
                "warning",
                f"from {shot.viewpoint} the object covers {shot.pixels:.0f} pixels and "
                f"{cells:.1f} cells after the last layer ({name}): it falls between "
                "cells; come closer, draw larger, or use an encoder of smaller stride",
            )
        ]
    return []


def _probe(cfg: RunCfg, env: GoalEnv) -> Speed:
    """A moment of collecting, and some updates that are not compiled."""
    device, busy = torch.device("cpu"), os.getloadavg()[0]
    few, times = _lighter(cfg)
    agent = make_agent(few, env.spaces, device, env.reward_bounds)
    replay = make_replay(few, env, device)
    collector = Collector(env, replay)
    with torch_threads(1):
        collector.collect(agent.behavior, 1)
        begin = time.perf_counter()
        collector.collect(agent.behavior, max(_PROBE_STEPS, env.spaces.horizon))
        steps = max(_PROBE_STEPS, env.spaces.horizon) * env.num_worlds
        rate = steps / (time.perf_counter() - begin)
    rng = torch.Generator().manual_seed(0)
    data = replay.sample(agent.batch_spec, rng)
    seconds = list[float]()
    for _ in range(1 + _PROBE_ROUNDS):  # the first is slower
        begin = time.perf_counter()
        agent.update(data)
        seconds.append(time.perf_counter() - begin)
    update_s = statistics.median(seconds[1:]) * times / agent.updates_per_round
    steps = cfg.budget.env_steps or math.inf
    whole = steps / rate + steps * cfg.loop.update_ratio * update_s
    least = min(whole, cfg.budget.train_s or math.inf)
    return Speed(rate, update_s, least, busy)


def _lighter(cfg: RunCfg) -> tuple[RunCfg, int]:
    """The run with a small memory and, from pixels, smaller batches; how many times."""
    sees = "pixels" in (*cfg.agent.actor_sensors, *cfg.agent.critic_sensors)
    times = max(1, cfg.agent.batch_size // _PROBE_PICTURES) if sees else 1
    sizes = {
        name: max(1, getattr(cfg.agent, name) // times)
        for name in ("batch_size", "student_batch")
        if hasattr(cfg.agent, name)
    }
    agent = replace(cfg.agent, **sizes)
    memory = replace(cfg.replay, capacity=1, frames_on="device")
    return replace(cfg, agent=agent, replay=memory), times


def render(made: Plan) -> Group:
    """The plan for a terminal."""
    table = Table(box=None, show_header=False, title=f"plan of {made.preset}")
    for network, sensors in made.sensors.items():
        table.add_row(network, seen_text(sensors, made.sizes))
    table.add_row("replay", _room(made.memory))
    table.add_row("snapshots", f"up to {size_text(made.memory.snapshots)} of disk")
    table.add_row(*_pace(made.speed))
    layers = [_layers(shot) for shot in made.footprints]
    colors = {"error": "red", "warning": "yellow", "note": "cyan"}
    lines = [
        Text.assemble((f"{found.level}: ", colors[found.level]), found.text)
        for found in made.findings
    ]
    return Group(table, *layers, *lines)


def _room(memory: Memory) -> str:
    """What the replay takes of what there is."""
    needs = (
        f"{size_text(memory.per_transition)} a transition, {size_text(memory.replay)}"
    )
    if memory.free is None:
        return f"{needs} of a GPU that is not here"
    return (
        f"{needs} of {size_text(memory.free)} free {memory.where}; "
        f"{memory.largest_capacity:,} transitions would fit"
    )


def _pace(speed: Speed | None) -> tuple[str, str]:
    """How fast it will be."""
    if speed is None:
        return "pace", "not probed: physics and updates are made for a GPU"
    return (
        "pace, probed on this CPU",
        f"{speed.env_steps_per_s:,.0f} env steps/s, {1e3 * speed.update_s:.0f} ms an "
        f"update before compilation: {_budget(speed.budget_s)}{_company(speed)}",
    )


def _budget(seconds: float) -> str:
    """How long the budget takes, for people."""
    if math.isinf(seconds):
        return "there is no budget"
    return f"the budget takes at most {max(1, math.ceil(seconds / 60))} min"


def _company(speed: Speed) -> str:
    """Whether the machine was busy with something else."""
    if speed.busy_cores < _BUSY:
        return ""
    return (
        f"; other programs keep {speed.busy_cores:.1f} of {os.cpu_count()} cores busy"
    )


def _layers(shot: Footprint) -> Table:
    """What becomes of the object on its way through the encoder."""
    table = Table(
        box=None,
        title=f"from {shot.viewpoint}: an object of {shot.pixels:.0f} pixels, "
        f"seen in {100 * shot.seen_share:.0f} % of worlds",
    )
    for heading in ("layer", "map", "cells of the object"):
        table.add_column(heading)
    for name, shape, cells in shot.layers:
        table.add_row(name, shape, f"{cells:.1f}")
    return table

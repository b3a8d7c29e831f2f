"""The plan of a run: memory, time, visibility of the object, misconfigurations.

Nothing of the run's size is allocated: sizes are computed, speeds are measured with few
worlds and uncompiled updates, images are rendered in a few worlds.
"""

import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Group
from rich.table import Table
from rich.text import Text

from puckrl.config.bounds import check_bounds
from puckrl.config.conflicts import conflicts
from puckrl.config.notices import Notice
from puckrl.config.run_cfg import RunCfg, config_hash
from puckrl.core.errors import UserError
from puckrl.core.foreign import library_of
from puckrl.core.runtime import torch_threads
from puckrl.core.types import Spaces
from puckrl.envs.goal_env import GoalEnv
from puckrl.replay.windows import bytes_per_transition
from puckrl.runner import caches
from puckrl.runner.build import check_sensors, make_agent, make_replay
from puckrl.runner.encoder_files import encoder_notices
from puckrl.runner.foreign_worlds import foreign_spaces
from puckrl.runner.memory import (
    Memory,
    memory_of,
    no_room_on_disk,
    size_text,
    too_large,
)
from puckrl.runner.plugins import check_plugins
from puckrl.runner.sensors import seen_text, sensor_rows
from puckrl.runner.visibility import Footprint, footprints
from puckrl.runner.worlds import (
    goal_space,
    make_env,
    pixel_space,
    rehearse,
)
from puckrl.sim.viewpoints import viewpoint
from puckrl.tasks.catalog import TASKS, make_task
from puckrl.training.collect import Collector

log = logging.getLogger(__name__)

_PROBE_WORLDS, _PROBE_STEPS, _PROBE_ROUNDS, _PROBE_IMAGES = 16, 25, 5, 64
_BUSY = 0.5  # cores
_SMALL_CELLS = 1.0
_SEEN_SHARE = 0.75


@dataclass(frozen=True)
class Speed:
    """Speeds, measured within a second or two."""

    env_steps_per_s: float
    """Env steps per second while collecting in 16 worlds, cameras included."""
    update_s: float
    """Seconds of an uncompiled update; a compiled one takes a third or less."""
    budget_s: float
    """Seconds of the whole budget at these speeds; inf without a budget."""
    busy_cores: float
    """Cores that other programs keep busy: the last minute's load average, at most all."""


@dataclass(frozen=True)
class Plan:
    """What is known before the run."""

    preset: str
    """Name of the preset."""
    config_hash: str
    """Hash of the configuration."""
    memory: Memory
    """Sizes of the replay buffer and the snapshots."""
    sequences: str
    """What batches hold for networks with memory, in words; empty without any."""
    speed: Speed | None
    """Measured speeds; None if the run needs GPU physics."""
    sensors: dict[str, tuple[str, ...]]
    """Sensors of actor and critics."""
    sizes: dict[str, tuple[int, ...]]
    """Shapes of these sensors."""
    footprints: list[Footprint]
    """The object in the images of each camera."""
    findings: list[Notice]
    """Errors, warnings and notes."""

    @property
    def ok(self) -> bool:
        """Whether the run may start."""
        return not any(finding.level == "error" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values; an infinite time is None."""
        tree = asdict(self)
        if self.speed is not None and math.isinf(self.speed.budget_s):
            tree["speed"]["budget_s"] = None
        return {**tree, "ok": self.ok}


def plan(cfg: RunCfg) -> Plan:
    """Make the plan of a run.

    Raises:
        UserError: for a number out of range, or an unknown sensor.
    """
    check_bounds(cfg)
    small = replace(cfg.sim, backend="cpu", num_worlds=_PROBE_WORLDS)
    env = make_env(
        cfg.task, small, reward=cfg.reward, params=cfg.params, pixels=cfg.pixels
    )
    with closing(env):
        return _plan(cfg, env)


def _plan(cfg: RunCfg, env: GoalEnv) -> Plan:
    """Return the plan, with measurements in a few worlds of the run."""
    env.task.check_contacts(cfg.sim.contacts)
    check_sensors(cfg.agent, env.spaces)
    check_plugins(cfg, env.spaces)
    memory = memory_of(cfg, env.spaces)
    shown = footprints(env, cfg.pixels, cfg.agent.vision.encoder)
    findings = [
        *([] if memory.fits else [too_large(memory)]),
        *no_room_on_disk(memory, Path()),
        *(finding for shot in shown for finding in _visibility(shot)),
        *conflicts(cfg, env.spaces),
        *encoder_notices(cfg),
        *caches.notices(cfg),
    ]
    return Plan(
        preset=cfg.preset,
        config_hash=config_hash(cfg),
        memory=memory,
        sequences=_sequences(cfg, env.spaces),
        speed=None if cfg.sim.backend == "warp" else _probe(cfg, env),
        sensors={"actor": cfg.agent.actor_sensors, "critics": cfg.agent.critic_sensors},
        sizes={row.name: row.shape for row in sensor_rows(env.spaces)},
        footprints=shown,
        findings=sorted(findings, key=Notice.rank),
    )


def _sequences(cfg: RunCfg, spaces: Spaces) -> str:
    """Return what a batch of one update holds of the past; empty without memory."""
    history, transitions = cfg.agent.memory.history, cfg.agent.batch_size
    if history is None:
        return ""
    count, states = transitions // history.steps, history.length(spaces.horizon) + 1
    size = size_text(transitions * bytes_per_transition(history, spaces))
    return (
        f"{cfg.agent.memory.kind}: {count:,} sequences of {states} states in a batch of "
        f"{transitions:,} transitions, {size}; nothing more is stored"
    )


def admit(cfg: RunCfg) -> Memory:
    """Check a run without measurements, before every start; log warnings.

    Returns:
        Sizes of replay buffer and snapshots.

    Raises:
        UserError: for the first error.
    """
    check_bounds(cfg)
    spaces = foreign_spaces(cfg) if library_of(cfg.task) else _task_spaces(cfg)
    check_sensors(cfg.agent, spaces)
    check_plugins(cfg, spaces)
    memory = memory_of(cfg, spaces)
    findings = [] if memory.fits else [too_large(memory)]
    for finding in (*findings, *conflicts(cfg, spaces)):
        if finding.level == "error":
            raise UserError(finding.text)
        if finding.level == "warning":
            log.warning("%s", finding.text)
    return memory


def _task_spaces(cfg: RunCfg) -> Spaces:
    """Return the sizes of a task's observations; check what a simulation would refuse."""
    task = make_task(cfg.task, cfg.reward, cfg.params)
    if cfg.task not in TASKS:
        rehearse(cfg)
    task.check_contacts(cfg.sim.contacts)
    for name in cfg.pixels.viewpoints:
        viewpoint(name, task.viewpoints)  # raises for an unknown one
    return replace(
        task.spaces, pixels=pixel_space(cfg.pixels), goal_image=goal_space(cfg.pixels)
    )


def _visibility(shot: Footprint) -> list[Notice]:
    """Return a warning if the object is invisible, or too small after the last layer."""
    if shot.seen_share < _SEEN_SHARE:
        return [
            Notice(
                "warning",
                f"from {shot.viewpoint} the object is seen in only "
                f"{100 * shot.seen_share:.0f} % of worlds; choose another viewpoint",
            )
        ]
    name, _, cells = shot.layers[-1] if shot.layers else ("", "", math.inf)
    if cells < _SMALL_CELLS:
        return [
            Notice(
                "warning",
                f"from {shot.viewpoint} the object covers {shot.pixels:.0f} pixels and "
                f"{cells:.1f} cells after the last layer ({name}): it falls between "
                "cells; move the camera closer, render larger images, or use an encoder "
                "with smaller strides",
            )
        ]
    return []


def _probe(cfg: RunCfg, env: GoalEnv) -> Speed:
    """Measure a short time of collecting, and some uncompiled updates."""
    device, busy = torch.device("cpu"), min(os.getloadavg()[0], os.cpu_count() or 1)
    small, times = _reduced(cfg, env.num_worlds * env.spaces.horizon)
    agent = make_agent(small, env.spaces, device, env.reward_bounds)
    replay = make_replay(small, env, device)
    collector = Collector(env, replay)
    with torch_threads(1):
        collector.collect(agent.behavior, 1)
        count = max(_PROBE_STEPS, env.spaces.horizon)
        took = _seconds(lambda: collector.collect(agent.behavior, count))
        rate = count * env.num_worlds / took
    rng = torch.Generator().manual_seed(0)
    data = replay.sample(agent.batch_spec, rng)
    rounds = [_seconds(lambda: agent.update(data)) for _ in range(_PROBE_ROUNDS)]
    update_s = min(rounds) * times / agent.updates_per_round
    steps = cfg.budget.env_steps or math.inf
    whole = steps / rate + steps * cfg.loop.update_ratio * update_s
    budget_s = min(whole, cfg.budget.train_s or math.inf)
    return Speed(rate, update_s, budget_s, busy)


def _seconds(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes where no other program delays it.

    Its CPU time, summed over threads, is an upper bound of that, and so is its wall time.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return min(time.perf_counter() - wall, time.process_time() - cpu)


def _reduced(cfg: RunCfg, capacity: int) -> tuple[RunCfg, int]:
    """Return the run with a small buffer and, for pixels, batches reduced by a factor.

    Returns:
        The reduced configuration, and the factor.
    """
    with_pixels = "pixels" in (*cfg.agent.actor_sensors, *cfg.agent.critic_sensors)
    times = max(1, cfg.agent.batch_size // _PROBE_IMAGES) if with_pixels else 1
    sizes = {
        name: max(1, getattr(cfg.agent, name) // times)
        for name in ("batch_size", "student_batch")
        if hasattr(cfg.agent, name)
    }
    agent = replace(cfg.agent, **sizes)
    buffer = replace(cfg.replay, capacity=capacity, frames_on="device")
    return replace(cfg, agent=agent, replay=buffer), times


def render(made: Plan) -> Group:
    """Return the plan for a terminal."""
    table = Table(box=None, show_header=False, title=f"plan of {made.preset}")
    for network, sensors in made.sensors.items():
        table.add_row(network, seen_text(sensors, made.sizes))
    table.add_row("replay", _memory_text(made.memory))
    if made.sequences:
        table.add_row("memory", made.sequences)
    table.add_row("snapshots", f"up to {size_text(made.memory.snapshots)} of disk")
    table.add_row(*_speed_row(made.speed))
    layers = [_layer_table(shot) for shot in made.footprints]
    colors = {"error": "red", "warning": "yellow", "note": "cyan"}
    lines = [
        Text.assemble((f"{found.level}: ", colors[found.level]), found.text)
        for found in made.findings
    ]
    return Group(table, *layers, *lines)


def _memory_text(memory: Memory) -> str:
    """Return the buffer's size and the free memory as text."""
    needs = (
        f"{size_text(memory.per_transition)} a transition, {size_text(memory.replay)}"
    )
    if memory.free is None:
        return f"{needs} of a GPU that this machine lacks"
    return (
        f"{needs} of {size_text(memory.free)} free {memory.where}; "
        f"{memory.largest_capacity:,} transitions would fit"
    )


def _speed_row(speed: Speed | None) -> tuple[str, str]:
    """Return label and text of the table's row of speeds."""
    if speed is None:
        return "speed", "not measured: this run needs GPU physics"
    return (
        "speed, measured on this CPU",
        f"{speed.env_steps_per_s:,.0f} env steps/s, {1e3 * speed.update_s:.0f} ms an "
        f"update before compilation: {_budget_text(speed.budget_s)}{_load_text(speed)}",
    )


def _budget_text(seconds: float) -> str:
    """Return the time of the budget as text."""
    if math.isinf(seconds):
        return "there is no budget"
    return f"the budget takes at most {max(1, math.ceil(seconds / 60))} min of an idle machine"


def _load_text(speed: Speed) -> str:
    """Return how busy other programs keep the machine; empty if they do not."""
    if speed.busy_cores < _BUSY:
        return ""
    return (
        f"; other programs keep {speed.busy_cores:.1f} of {os.cpu_count()} cores busy, "
        "which makes it slower"
    )


def _layer_table(shot: Footprint) -> Table:
    """Return the object's size after each layer of the encoder as a table."""
    table = Table(
        *("layer", "map", "cells of the object"),
        box=None,
        title=f"from {shot.viewpoint}: the object covers {shot.pixels:.0f} pixels, "
        f"seen in {100 * shot.seen_share:.0f} % of worlds",
    )
    for name, shape, cells in shot.layers:
        table.add_row(name, shape, f"{cells:.1f}")
    return table

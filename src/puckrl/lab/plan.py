"""Before the run: memory, time, what the encoder can see, what is misconfigured.

Nothing of the run's size is allocated: sizes are computed, speeds are probed with few
worlds and one uncompiled update, pictures are taken of a handful of worlds.
"""

import logging
import os
import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Group
from rich.table import Table
from rich.text import Text

from puckrl.core.errors import UserError
from puckrl.core.runtime import pick_device, torch_threads
from puckrl.core.types import PixelSpace, Spaces
from puckrl.envs.goal_env import GoalEnv
from puckrl.lab.build import check_sensors, make_agent, make_env, make_replay
from puckrl.lab.config import RunCfg, config_hash
from puckrl.lab.conflicts import Finding, conflicts
from puckrl.lab.footprint import Footprint, footprints
from puckrl.lab.limits import check_limits
from puckrl.lab.sensors import seen_text, sensor_rows
from puckrl.replay.frames import frames_folder
from puckrl.replay.layout import bytes_per_transition
from puckrl.tasks.catalog import make_task
from puckrl.train.rollout import Collector

log = logging.getLogger(__name__)

_PROBE_WORLDS, _PROBE_STEPS = 16, 25
_SAFETY = 0.9  # of what is free may be planned for
_SMALL_CELLS = 1.0
_SEEN_SHARE = 0.75


@dataclass(frozen=True)
class Memory:
    """What the replay takes; bytes."""

    per_transition: float
    """Of one stored transition."""
    replay: int
    """Of the whole replay, episodes under way included."""
    where: str
    """RAM, GPU or disk."""
    free: int
    """Free there now."""
    largest_capacity: int
    """Transitions that would fit."""

    @property
    def fits(self) -> bool:
        """Whether there is room."""
        return self.replay <= _SAFETY * self.free


@dataclass(frozen=True)
class Speed:
    """Measured just now, in a second or two."""

    env_steps_per_s: float
    """Collecting, cameras included, with eight worlds."""
    update_s: float
    """One update as it is written; compiled ones take a third or less."""
    budget_s: float
    """Time of the whole budget at these speeds."""


@dataclass(frozen=True)
class Plan:
    """Everything that can be known before the run."""

    preset: str
    """Name of the preset."""
    config_hash: str
    """Of the configuration."""
    memory: Memory
    """The replay."""
    speed: Speed
    """Expected pace."""
    sensors: dict[str, tuple[str, ...]]
    """What actor and critics get."""
    sizes: dict[str, tuple[int, ...]]
    """Shapes of these sensors."""
    footprints: list[Footprint]
    """What cameras show of the object."""
    findings: list[Finding]
    """Errors, notes, warnings."""

    @property
    def ok(self) -> bool:
        """Whether the run may start."""
        return not any(finding.level == "error" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "ok": self.ok}


def plan(cfg: RunCfg) -> Plan:
    """Look ahead.

    Raises:
        UserError: for a number out of range, or a network that is to see a sensor that
            is not there.
    """
    check_limits(cfg)
    small = replace(cfg.sim, backend="cpu", num_worlds=_PROBE_WORLDS)
    env = make_env(cfg.task, small, reward=cfg.reward, pixels=cfg.pixels)
    check_sensors(cfg.agent, env.spaces)
    memory = memory_of(cfg, env.spaces)
    shown = footprints(env, cfg.pixels, cfg.agent.sight.encoder)
    findings = [
        *([] if memory.fits else [too_large(memory)]),
        *(finding for shot in shown for finding in _visibility(shot)),
        *conflicts(cfg, env.spaces),
    ]
    return Plan(
        preset=cfg.preset,
        config_hash=config_hash(cfg),
        memory=memory,
        speed=_probe(cfg, env),
        sensors={"actor": cfg.agent.actor_sensors, "critics": cfg.agent.critic_sensors},
        sizes={row.name: row.shape for row in sensor_rows(env.spaces)},
        footprints=shown,
        findings=sorted(findings, key=lambda finding: finding.level),
    )


def admit(cfg: RunCfg) -> None:
    """What of the plan takes no time, before every run: warnings are logged.

    Raises:
        UserError: for the first error.
    """
    check_limits(cfg)
    size, views = cfg.pixels, len(cfg.pixels.viewpoints)
    pixels = PixelSpace(size.height, size.width, 3 * views, size.stack)
    spaces = make_task(cfg.task, cfg.reward).spaces
    spaces = replace(spaces, pixels=pixels if views else None)
    check_sensors(cfg.agent, spaces)
    memory = memory_of(cfg, spaces)
    findings = [] if memory.fits else [too_large(memory)]
    for finding in (*findings, *conflicts(cfg, spaces)):
        if finding.level == "error":
            raise UserError(finding.text)
        if finding.level == "warning":
            log.warning("%s", finding.text)


def memory_of(cfg: RunCfg, spaces: Spaces) -> Memory:
    """Bytes of the replay against what is free where it will lie."""
    each = bytes_per_transition(spaces)
    total = cfg.replay.bytes_total(spaces, cfg.sim.num_worlds)
    where, free = _free(cfg, pictures=spaces.pixels is not None)
    return Memory(each, total, where, free, int(_SAFETY * free / each))


def _free(cfg: RunCfg, *, pictures: bool) -> tuple[str, int]:
    """Where the bulk of the replay lies, and the bytes that are free there."""
    device = pick_device(cfg.device)
    if pictures and cfg.replay.frames_on == "disk":
        return "disk", shutil.disk_usage(frames_folder(cfg.replay.frames_folder)).free
    if device.type == "cuda" and not (pictures and cfg.replay.frames_on == "cpu"):
        return "GPU", torch.cuda.mem_get_info(device)[0]
    return "RAM", _free_ram()


def _free_ram() -> int:
    """Bytes that programs can still take."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():  # no Linux: pages that nobody uses, caches not counted
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024


def too_large(memory: Memory) -> Finding:
    """The replay does not fit."""
    return Finding(
        "error",
        f"the replay needs {_size(memory.replay)}, {memory.where} has "
        f"{_size(memory.free)} free; the largest that fits is --replay.capacity "
        f"{memory.largest_capacity}",
    )


def _visibility(shot: Footprint) -> list[Finding]:
    """Whether the object is there to be seen, and after the last layer too (lesson 2)."""
    name, _, cells = shot.layers[-1]
    if shot.seen_share < _SEEN_SHARE:
        return [
            Finding(
                "warning",
                f"from {shot.viewpoint} the object is seen in only "
                f"{100 * shot.seen_share:.0f} % of worlds; choose another viewpoint",
            )
        ]
    if cells < _SMALL_CELLS:
        return [
            Finding(
                "warning",
                f"from {shot.viewpoint} the object covers {shot.pixels:.0f} pixels and "
                f"{cells:.1f} cells after the last layer ({name}): it falls between "
                "cells; come closer, draw larger, or use an encoder of smaller stride",
            )
        ]
    return []


def _probe(cfg: RunCfg, env: GoalEnv) -> Speed:
    """A moment of collecting, and one update that is not compiled."""
    device = torch.device("cpu")
    batch = min(cfg.agent.batch_size, 64)
    few = replace(
        cfg,
        agent=replace(cfg.agent, batch_size=batch),
        replay=replace(cfg.replay, capacity=1, frames_on="device"),
    )
    agent = make_agent(few, env.spaces, device)
    replay = make_replay(few, env, device)
    collector = Collector(env, replay, device)
    with torch_threads(1):
        collector.collect(agent, 1)
        begin = time.perf_counter()
        collector.collect(agent, max(_PROBE_STEPS, env.spaces.horizon))
        steps = max(_PROBE_STEPS, env.spaces.horizon) * env.num_worlds
        rate = steps / (time.perf_counter() - begin)
    rng = torch.Generator().manual_seed(0)
    data = replay.sample(agent.transitions_per_round, rng, seen=agent.seen_per_round)
    agent.update(data)
    begin = time.perf_counter()
    agent.update(data)
    scale = cfg.agent.batch_size / batch / agent.updates_per_round
    update_s = (time.perf_counter() - begin) * scale
    steps = cfg.budget.env_steps
    whole = steps / rate + steps * cfg.loop.update_ratio * update_s
    return Speed(rate, update_s, min(whole, cfg.budget.wall_s or whole))


def render(made: Plan) -> Group:
    """The plan for a terminal."""
    memory, speed = made.memory, made.speed
    table = Table(box=None, show_header=False, title=f"plan of {made.preset}")
    for network, sensors in made.sensors.items():
        table.add_row(network, seen_text(sensors, made.sizes))
    table.add_row(
        "replay",
        f"{_size(memory.per_transition)} a transition, {_size(memory.replay)} of "
        f"{_size(memory.free)} free {memory.where}; "
        f"{memory.largest_capacity:,} transitions would fit",
    )
    table.add_row(
        "pace, probed on this CPU",
        f"{speed.env_steps_per_s:,.0f} env steps/s, {1e3 * speed.update_s:.0f} ms an "
        f"update before compilation: the budget takes at most {speed.budget_s / 60:.0f} min",
    )
    layers = [_layers(shot) for shot in made.footprints]
    colours = {"error": "red", "warning": "yellow", "note": "cyan"}
    lines = [
        Text.assemble((f"{found.level}: ", colours[found.level]), found.text)
        for found in made.findings
    ]
    return Group(table, *layers, *lines)


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


def _size(count: float) -> str:
    """Bytes for people."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} B"

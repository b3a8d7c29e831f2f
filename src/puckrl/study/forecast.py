"""Predict a study before it runs: runs, cost, memory, order, what each arm differs in."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from puckrl.config.fields import settings
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.runner.memory import size_text
from puckrl.runner.plan import plan
from puckrl.study.admission import Admission
from puckrl.study.design import Arm, Study
from puckrl.study.jobs import Job
from puckrl.training.console import duration

_MOST_PROBES = 8
_SHOWN_RUNS = 12


@dataclass(frozen=True)
class ArmForecast:
    """Hold what the runs of one arm will take."""

    name: str
    """Of the arm."""
    differs: tuple[str, ...]
    """Settings in which it differs from the base: name, the base's value, its own."""
    runs: int
    """Number of runs."""
    env_steps: float
    """Of one run; 0: seconds end it."""
    updates: float
    """Of one run."""
    run_s: float
    """Seconds that one run takes at most on the idle machine; NaN: not measured."""


@dataclass(frozen=True)
class Forecast:
    """Hold what is known of a study before it runs."""

    arms: tuple[ArmForecast, ...]
    """Each arm, the base first."""
    admission: Admission | None
    """How runs share the machine; None: all arms are runs that exist."""
    disk: float
    """Bytes of all snapshots."""
    order: tuple[str, ...]
    """Arm and seed of every run, in the order of starts."""

    @property
    def total_s(self) -> float:
        """Return the seconds of all runs, one after the other; NaN: not measured."""
        return sum(arm.runs * arm.run_s for arm in self.arms if arm.runs)


def forecast(
    study: Study, jobs: Sequence[Job], admission: Admission | None, disk: float
) -> Forecast:
    """Return what a study will take; speeds are measured, a few seconds for each arm.

    Args:
        study: what is compared.
        jobs: its runs.
        admission: how they share the machine.
        disk: bytes of all snapshots.
    """
    base = study.base.cfg
    arms = tuple(
        _arm(
            arm, base, sum(job.arm == arm.name for job in jobs), probe=i < _MOST_PROBES
        )
        for i, arm in enumerate(study.every_arm)
    )
    order = tuple(f"{job.arm} {job.seed}" for job in jobs)
    return Forecast(arms, admission, disk, order)


def _arm(arm: Arm, base: RunCfg | None, runs: int, *, probe: bool) -> ArmForecast:
    """Return what the runs of one arm will take."""
    if arm.cfg is None:
        where = (f"runs that exist: {len(arm.folders)}",)
        return ArmForecast(arm.name, where, 0, 0, 0, math.nan)
    steps = arm.cfg.budget.env_steps
    return ArmForecast(
        arm.name,
        differences(base, arm.cfg) if base else (),
        runs,
        steps,
        steps * arm.cfg.loop.update_ratio,
        _run_s(arm.cfg) if probe else math.nan,
    )


def _run_s(cfg: RunCfg) -> float:
    """Return the seconds of a run's budget at measured speeds; NaN if none is measured."""
    seconds = cfg.budget.train_s
    if cfg.sim.backend == "warp" and not seconds:
        return math.nan
    try:
        speed = None if seconds else plan(cfg).speed
    except UserError:
        return math.nan
    return seconds if speed is None else speed.budget_s


def differences(base: RunCfg, cfg: RunCfg) -> tuple[str, ...]:
    """Return the settings in which a configuration differs, with both values."""
    ours = {setting.name: setting.value for setting in settings(cfg)}
    theirs = {setting.name: setting.value for setting in settings(base)}
    return tuple(
        f"{name}: {_value(theirs, name)} -> {_value(ours, name)}"
        for name in dict.fromkeys((*theirs, *ours))
        if name != "preset" and _value(theirs, name) != _value(ours, name)
    )


def _value(values: Mapping[str, Any], name: str) -> str:
    """Return a setting as text; a setting of another kind of agent is absent."""
    if name not in values:
        return "absent"
    value = values[name]
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)


def render(made: Forecast, title: str) -> RenderableType:
    """Return the forecast for a terminal."""
    table = Table(box=None, title=title, title_justify="left", pad_edge=False)
    table.add_column("arm")
    table.add_column("differs from the base in", ratio=1)
    for heading in ("runs", "env steps", "updates", "time of a run"):
        table.add_column(heading, justify="right")
    for arm in made.arms:
        cost = ("-", "-", "-") if not arm.runs else (
            f"{arm.env_steps:,.0f}" if arm.env_steps else "until the time is up",
            f"{arm.updates:,.0f}" if arm.env_steps else "-",
            "not measured" if math.isnan(arm.run_s) else f"<= {duration(arm.run_s)}",
        )  # fmt: skip
        words = "\n".join(arm.differs) or "-"
        table.add_row(Text(arm.name), Text(words), str(arm.runs), *cost)
    return Group(table, *(Text(line) for line in _lines(made)))


def _lines(made: Forecast) -> list[str]:
    """Return the lines below the table: cost, sharing, memory, order."""
    if made.admission is None:
        return ["All arms are runs that exist; nothing runs."]
    steps = sum(arm.runs * arm.env_steps for arm in made.arms)
    updates = sum(arm.runs * arm.updates for arm in made.arms)
    runs = len(made.order)
    cost = f"{runs} runs, {steps:,.0f} env steps, {updates:,.0f} updates"
    if math.isfinite(made.total_s):
        cost += f": at most {duration(made.total_s)} of the idle machine"
    own = made.admission
    disk = f"; {size_text(made.disk)} of disk in all" if made.disk else ""
    gpu = f", {size_text(own.demand.gpu)} of GPU memory" if own.demand.gpu else ""
    shown = ", ".join(made.order[:_SHOWN_RUNS])
    return [
        f"cost     {cost}",
        f"sharing  {own.slots} at a time, {own.threads} threads each; limited by {own.why}",
        f"memory   up to {size_text(own.demand.ram)} of RAM{gpu} a run{disk}",
        f"order    {shown}" + (", ..." if runs > _SHOWN_RUNS else ""),
    ]

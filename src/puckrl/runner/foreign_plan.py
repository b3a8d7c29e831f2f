"""The plan of a run in a foreign environment: how many worlds pay, and what bounds the run."""

import math
import os
from dataclasses import dataclass

from rich.console import Group
from rich.table import Table
from rich.text import Text

from puckrl.config.bounds import check_bounds
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.core.foreign import is_batched
from puckrl.core.words import duration
from puckrl.runner.foreign_probe import probe, probe_apart
from puckrl.runner.memory import free_ram

_MOST_WORLDS, _GROWTH = 256, 4
_PAYS = 1.3
"""Factor of steps per second below which a doubling of the worlds does not pay."""
_MANY_WORLDS = (1, 16, *(2**power for power in range(6, 15)))
_SAME = 1.2
"""Factor of a control step's time below which two cost the same."""
_FREE_SHARE = 0.5


@dataclass(frozen=True)
class Point:
    """The speed of some worlds."""

    worlds: int
    """Number of worlds."""
    steps_per_s: float
    """Env steps per second under random actions, all worlds together."""
    make_s: float = math.nan
    """Seconds to make them, apart from that; the first may compile."""

    @property
    def step_s(self) -> float:
        """Seconds of a control step of all worlds."""
        return self.worlds / self.steps_per_s


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
    ended: str = ""
    """Why no more worlds were measured; empty: they would not pay."""
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

    def wasted(self) -> str:
        """Say what a single world wastes; empty where a call costs more with more worlds."""
        one, most = self.points[0], self.knee
        same = [
            p for p in self.points if p.step_s < _SAME * one.step_s and p.worlds > 1
        ]
        if one.worlds > 1 or not same:
            return ""
        return (
            f"each call costs the same at 1 as at {same[-1].worlds:,} worlds: at 1 you get "
            f"{one.steps_per_s:,.0f} of {most.steps_per_s:,.0f} env steps/s"
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
            "wasted": self.wasted(),
            "ended": self.ended,
            "ok": self.ok,
        }


def plan_foreign(cfg: RunCfg) -> ForeignPlan:
    """Measure an environment with 1, 4, 16, ... worlds, and an update.

    Libraries that step thousands of worlds are measured with 1, 16, 64, 128, ..., in a
    process each. It ends where a doubling no longer pays, or at the limit of memory.

    Raises:
        UserError: if the environment cannot be made or stepped.
    """
    check_bounds(cfg)
    return _sweep_apart(cfg) if is_batched(cfg.task) else _sweep(cfg)


def _sweep(cfg: RunCfg) -> ForeignPlan:
    """Measure in this process."""
    points: list[Point] = []
    update_s, worlds = math.nan, 1
    while worlds <= _MOST_WORLDS:
        before = free_ram()
        found = probe(cfg, worlds, updates=math.isnan(update_s))
        taken = max(before - free_ram(), 0)
        points.append(Point(worlds, found.steps_per_s, found.make_s))
        update_s = found.update_s if math.isnan(update_s) else update_s
        made = ForeignPlan(cfg.task, tuple(points), update_s, cfg.loop.update_ratio)
        if made.knee.worlds < worlds or taken * _GROWTH > _FREE_SHARE * free_ram():
            break
        worlds *= _GROWTH
    return ForeignPlan(cfg.task, tuple(points), update_s, cfg.loop.update_ratio)


def _sweep_apart(cfg: RunCfg) -> ForeignPlan:
    """Measure in a process for each number of worlds, until one fails."""
    points: list[Point] = []
    update_s, ended = math.nan, ""
    for worlds in _MANY_WORLDS:
        found = probe_apart(cfg, worlds, updates=not points)
        if isinstance(found, str):
            if not points:
                raise UserError(f"{cfg.task} cannot be measured: {found}")
            ended = f"{worlds:,} worlds failed: {found}"
            break
        points.append(Point(worlds, found.steps_per_s, found.make_s))
        update_s = found.update_s if len(points) == 1 else update_s
        made = ForeignPlan(cfg.task, tuple(points), update_s, cfg.loop.update_ratio)
        if made.knee.worlds < worlds:
            break
    ratio = cfg.loop.update_ratio
    return ForeignPlan(cfg.task, tuple(points), update_s, ratio, ended)


def render_foreign(made: ForeignPlan) -> Group:
    """Return the plan for a terminal."""
    table = Table(box=None, title=f"plan of {made.task} on {os.cpu_count()} cores")
    for heading in ("worlds", "env steps/s", "a control step", "to make them"):
        table.add_column(heading, justify="right")
    for point in made.points:
        step_s = point.step_s
        shown = f"{1e3 * step_s:.2f} ms" if step_s < 1 else duration(step_s)
        make = f"{point.make_s:.1f} s"
        table.add_row(f"{point.worlds:,}", f"{point.steps_per_s:,.0f}", shown, make)
    most = made.knee
    gain = most.steps_per_s / made.points[0].steps_per_s
    advice = f"--sim.num-worlds {most.worlds}: {gain:.1f} times the steps of one world"
    lines = [advice, made.wasted(), made.words(), made.ended]
    return Group(table, *(Text(line) for line in lines if line))

"""Run and print the benchmarks of ``puck bench`` by name."""

import logging
from itertools import groupby
from typing import Literal, assert_never

from rich.table import Table

from puckrl.bench.parts import RenderBenchCfg, bench_render, bench_update
from puckrl.bench.replay import ReplayBenchCfg, bench_replay
from puckrl.bench.sim import SimBenchCfg, bench_sim
from puckrl.bench.sweep import SweepCfg, sweep
from puckrl.config.presets import preset
from puckrl.config.run_cfg import SimCfg
from puckrl.core.errors import UserError
from puckrl.report.tables import TableRow

log = logging.getLogger(__name__)

What = Literal["sim", "render", "replay", "update"]
Backend = Literal["cpu", "warp"]
_WARP_WORLDS = 1024
_RATES = ("per_s", "per_s_min", "per_s_max")
_TIMES = (*_RATES, "ratio", "repeats")


def measure(what: What, task: str, name: str, backend: Backend) -> list[TableRow]:
    """Run one benchmark.

    Args:
        what: the benchmark.
        task: task of ``sim`` and ``render``.
        name: preset of ``update``.
        backend: backend of ``sim`` and ``render``; with warp, ``sim`` sweeps over the
            number of worlds.

    Raises:
        UserError: for an unknown task or preset, a missing library, or a backend for a
            benchmark that runs no physics.
    """
    on_warp = backend == "warp"
    if on_warp and what in ("replay", "update"):
        raise UserError(
            f"--sim is for sim and render, and {what} runs no physics; leave it out. "
            "Updates on a GPU: puck bench update --preset push-gpu"
        )
    match what:
        case "sim":
            if on_warp:
                return sweep(SweepCfg(task=task), _tell)
            return bench_sim(SimBenchCfg(task=task))
        case "render":
            sim = SimCfg(backend, num_worlds=_WARP_WORLDS) if on_warp else SimCfg()
            return bench_render(RenderBenchCfg(task, sim))
        case "replay":
            return bench_replay(ReplayBenchCfg())
        case "update":
            return bench_update(preset(name), least_updates=200, repeats=3)
        case _:
            assert_never(what)


def _tell(row: TableRow) -> None:
    """Log a row of the sweep at once, since a sweep takes minutes."""
    size, rate = int(row["num_worlds"]), _rate(row["per_s"])
    log.info("%d worlds, %s: %s control steps/s", size, row["contender"], rate)


def render(what: What, rows: list[TableRow]) -> Table:
    """Return the rows as a table: a sweep by number of worlds, others line by line."""
    if "num_worlds" in rows[0]:
        return _sweep_table(rows)
    unit = {"sim": "control steps", "render": "images", "replay": "batches"}
    table = Table(
        title=f"{unit.get(what, 'updates')}/s, median of {rows[0]['repeats']} repeats",
        box=None,
    )
    sizes = [name for name in rows[0] if name not in _TIMES]
    for heading in sizes:
        table.add_column("" if heading == "contender" else heading)
    for heading in ("median", "min", "max", "ratio to the first"):
        table.add_column(heading, justify="right")
    for row in rows:
        rates = (_rate(row[name]) for name in _RATES)
        sized = (str(row[name]) for name in sizes)
        table.add_row(*sized, *rates, f"{float(row['ratio']):.2f}")
    return table


def _sweep_table(rows: list[TableRow]) -> Table:
    """Return a line for each number of worlds, with the rates of all contenders."""
    table = Table(title="control steps/s by number of worlds", box=None)
    names = dict.fromkeys(str(row["contender"]) for row in rows)
    for heading in ("worlds", *names, "ms a step", "GPU memory"):
        table.add_column(heading, justify="right")
    for size, group in groupby(rows, lambda row: int(row["num_worlds"])):
        ways = list(group)
        table.add_row(
            f"{size:,}",
            *(_rate(way["per_s"]) for way in ways),
            f"{float(ways[0]['ms_per_step']):.1f}",
            f"{float(ways[0]['memory_gb']):.1f} GB",
        )
    return table


def _rate(per_s: str | float) -> str:
    """Return a rate as text, with three digits or more."""
    rate = float(per_s)
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"

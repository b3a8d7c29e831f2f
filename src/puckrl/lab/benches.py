"""What ``puck bench`` measures, by name."""

from typing import Literal, assert_never

from rich.table import Table

from puckrl.core.errors import UserError
from puckrl.lab.bench import ReplayBenchCfg, SimBenchCfg, bench_replay, bench_sim
from puckrl.lab.bench_parts import RenderBenchCfg, bench_render, bench_update
from puckrl.lab.config import SimCfg
from puckrl.lab.presets import preset
from puckrl.lab.results import Row
from puckrl.lab.sweep import SweepCfg, sweep

What = Literal["sim", "render", "replay", "update"]
Backend = Literal["cpu", "warp"]
_WARP_WORLDS = 1024


def measure(what: What, task: str, name: str, backend: Backend) -> list[Row]:
    """Run one benchmark.

    Args:
        what: which.
        task: of ``sim`` and ``render``.
        name: preset of ``update``.
        backend: of ``sim``, which then goes over the number of worlds, and ``render``.

    Raises:
        UserError: for an unknown task or preset, a missing library, or a backend where
            no physics runs.
    """
    on_warp = backend == "warp"
    if on_warp and what in ("replay", "update"):
        raise UserError(
            f"--sim is for sim and render; {what} runs no physics: leave it out, and take "
            "a preset of a GPU for its updates: puck bench update --preset push-gpu"
        )
    match what:
        case "sim":
            if on_warp:
                return sweep(SweepCfg(task=task))
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


def render(what: What, rows: list[Row]) -> Table:
    """The rows for a terminal."""
    unit = {"sim": "control steps", "render": "pictures", "replay": "batches"}
    title = f"{unit.get(what, 'updates')}/s: median, and the ratio to the first"
    table = Table(title=title, box=None)
    for heading in rows[0]:
        table.add_column(heading.replace("_", " "))
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    return table

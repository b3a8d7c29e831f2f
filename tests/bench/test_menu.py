"""Benchmarks run, and count the work that they time."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from puckrl.bench import parts
from puckrl.bench.menu import measure, render
from puckrl.bench.parts import RenderBenchCfg, bench_render, bench_update
from puckrl.bench.sweep import advice, enough, sweep_figure
from puckrl.config.presets import preset
from puckrl.config.run_cfg import LoopCfg, SimCfg
from puckrl.core.errors import UserError
from puckrl.report.tables import TableRow


def test_pictures_are_counted_and_larger_ones_are_slower(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts, "_FRAMES", 200)
    sim = SimCfg(num_worlds=4, num_threads=1)
    rows = bench_render(RenderBenchCfg("push", sim, sizes=(8, 64), repeats=2))
    assert [row["contender"] for row in rows] == [
        "8 x 8, 4 worlds",
        "64 x 64, 4 worlds",
    ]
    assert rows[0]["ratio"] == 1.0
    assert float(rows[1]["ratio"]) < 0.8
    assert render("render", rows).row_count == 2


def test_updates_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without a compiler both ways are the same one, which takes no time to build.
    monkeypatch.setattr("puckrl.runner.compile.has_compiler", lambda: False)
    reach = preset("reach")
    small = replace(
        reach,
        device="cpu",
        sim=SimCfg(num_worlds=2, num_threads=1),
        loop=LoopCfg(update_ratio=0.5, warm_up_episodes=2),
    )
    rows = bench_update(small, least_updates=4, repeats=1)
    assert [row["contender"] for row in rows] == [
        "reach, as written",
        "reach, compiled",
    ]
    assert float(rows[1]["per_s"]) > 0


def test_unknown_names_list_the_legal_ones() -> None:
    with pytest.raises(
        UserError, match=r"unknown Fetch task 'pussh'; did you mean push. Legal: "
    ):
        measure("sim", "pussh", "push", "cpu")
    with pytest.raises(
        UserError, match=r"unknown preset 'pussh'; did you mean push. Legal: "
    ):
        measure("update", "push", "pussh", "cpu")


def swept(*rates: float) -> list[TableRow]:
    """A sweep over 1, 512, 1024, ... worlds."""
    sizes = [1, *(512 * 2**i for i in range(len(rates) - 1))]
    gains = {"GoalEnv": 1.0, "physics, touching": 1.1}
    return [
        {
            "num_worlds": n,
            "memory_gb": 1.25,
            "contender": name,
            "per_s": rate * gain,
            "ms_per_step": 1e3 * n / rate,
        }
        for n, rate in zip(sizes, rates, strict=True)
        for name, gain in gains.items()
    ]


def test_so_many_worlds_as_pay_are_chosen() -> None:
    """Each doubling must give more than the root of two."""
    assert enough(swept(50, 20_000, 38_000, 52_000)) == 1024
    assert enough(swept(50, 20_000, 38_000, 56_000)) == 2048
    assert enough(swept(50, 60)) == 1
    text = advice(swept(50, 20_000, 38_000, 52_000))
    assert text == (
        "take --sim.num-worlds 1024: 38,000 steps/s; 1 world gets 50, 760 times fewer"
    )
    assert advice(swept(50, 60)) == "take --sim.num-worlds 1: 50 steps/s"


def test_a_sweep_is_a_line_for_each_size_that_fits_a_terminal() -> None:
    console = Console(width=80, file=StringIO(), record=True)
    console.print(render("sim", swept(50, 20_000, 152_000.4)))
    *_, last = lines = console.export_text().splitlines()
    heading = "worlds GoalEnv physics, touching ms a step GPU memory"
    assert " ".join(lines[1].split()) == heading
    assert " ".join(last.split()) == "1,024 152,000 167,200 6.7 1.2 GB"
    assert len(lines) == 2 + 3


def test_a_sweep_is_drawn(tmp_path: Path) -> None:
    sweep_figure(swept(50, 20_000, 38_000, 52_000), tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").stat().st_size > 10_000
    with pytest.raises(UserError, match="cannot write"):
        sweep_figure(swept(50, 60), tmp_path / "nowhere" / "sweep.png")

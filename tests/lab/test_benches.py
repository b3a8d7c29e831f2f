"""Benchmarks run, and count the work that they time."""

from dataclasses import replace

import pytest

from puckrl.core.errors import UserError
from puckrl.lab.bench_parts import RenderBenchCfg, bench_render, bench_update
from puckrl.lab.benches import measure, render
from puckrl.lab.config import LoopCfg, SimCfg
from puckrl.lab.presets import preset


def test_pictures_are_counted_and_larger_ones_are_slower() -> None:
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
    monkeypatch.setattr("puckrl.lab.build.has_compiler", lambda: False)
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
    with pytest.raises(UserError, match="unknown Fetch task 'pussh'; legal: "):
        measure("sim", "pussh", "push", "cpu")
    with pytest.raises(UserError, match="unknown preset 'pussh'; legal: "):
        measure("update", "push", "pussh", "cpu")

"""Compare collecting and learning in turn and at the same time, on this machine.

    python benchmarks/overlap.py push push-pixels      -> results/overlap.csv

In turn: collecting, then updates, each with every core. At the same time: a thread
collects with one physics thread while the updates have one torch thread. The last column
matters to a run: milliseconds per env step, including its updates.
"""

import argparse
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from puckrl.bench.parts import learn, warmed_up
from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg, config_hash
from puckrl.core.runtime import torch_threads
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.runner.build import Parts, build
from puckrl.training.collect import Collector

TABLE = Path("results/overlap.csv")
LEAST_S = 8.0
STEPS = 5  # control steps of every world at once


def per_second(work: Callable[[], int]) -> float:
    """Call ``work`` for some seconds; return the sum of its results per second."""
    work()
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < LEAST_S:
        done += work()
    return done / (time.perf_counter() - start)


def steps(collector: Collector, parts: Parts) -> Callable[[], int]:
    """Some env steps of the present policy; how many."""
    return lambda: collector.collect(parts.agent.behavior, STEPS).env_steps


def measure(cfg: RunCfg) -> list[TableRow]:
    """Measure both ways for one preset."""
    parts, cores = warmed_up(cfg), os.cpu_count() or 1
    updates = partial(learn, parts, 32 * parts.agent.updates_per_round)
    # Worlds of one physics thread, with a memory of their own: the learner's stands still.
    lone = build(replace(cfg, sim=replace(cfg.sim, num_threads=1))).collector
    with torch_threads(cores):
        learned = per_second(updates)
    with torch_threads(1):
        collected = per_second(steps(parts.collector, parts))
        beside, both = threading.Event(), [0]

        def collect() -> None:
            while not beside.is_set():
                both[0] += lone.collect(parts.agent.behavior, STEPS).env_steps

        thread = threading.Thread(target=collect)
        start = time.perf_counter()
        thread.start()
        learned_beside = per_second(updates)
        collected_beside = both[0] / (time.perf_counter() - start)
        beside.set()
        thread.join()
    ratio = cfg.loop.update_ratio
    in_turn = 1 / collected + ratio / learned
    at_once = max(1 / collected_beside, ratio / learned_beside)
    return [
        line(cfg, "in turn", collected, learned, in_turn),
        line(cfg, "at the same time", collected_beside, learned_beside, at_once),
    ]


def line(
    cfg: RunCfg, way: str, collect: float, learn: float, step_s: float
) -> TableRow:
    """Return a row of the table."""
    return {
        "preset": cfg.preset,
        "way": way,
        "env_steps_per_s": round(collect),
        "updates_per_s": round(learn, 1),
        "ms_per_env_step": round(1e3 * step_s, 3),
    }


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="+")
    configs = [preset(name) for name in parser.parse_args().presets]
    rows = [row for cfg in configs for row in measure(cfg)]
    print(*rows, sep="\n")
    hashes = {cfg.preset: config_hash(cfg) for cfg in configs}
    write_table(TABLE, rows, manifest(config_hashes=hashes))


if __name__ == "__main__":
    main()

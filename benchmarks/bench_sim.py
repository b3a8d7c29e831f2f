"""Measure every way to step a Fetch task -> results/sim.csv.

python benchmarks/bench_sim.py [task ...]

64 worlds run beside gymnasium-robotics. 256 worlds show the overhead of a step when more
worlds share it.
"""

import sys
from dataclasses import asdict
from pathlib import Path

from puckrl.bench.sim import SimBenchCfg, bench_sim
from puckrl.report.tables import manifest, write_table


def main(tasks: list[str]) -> None:
    """Measure one task after the other and write one table."""
    rows = []
    for task in tasks:
        for cfg in (SimBenchCfg(task), SimBenchCfg(task, 256, 5, reference=False)):
            measured = bench_sim(cfg)
            print(*measured, sep="\n", flush=True)
            rows += [{**asdict(cfg), **row} for row in measured]
    for row in rows:
        del row["reference"]
    write_table(Path("results/sim.csv"), rows, manifest(tasks=tasks))


if __name__ == "__main__":
    main(sys.argv[1:] or ["reach", "push", "pick-place"])

"""Control steps per second of every way to step a Fetch task -> results/sim.csv.

python benchmarks/bench_sim.py [task ...]

With 64 worlds beside gymnasium-robotics, and with 256, where what a step costs besides
physics is spread over more worlds.
"""

import sys
from dataclasses import asdict
from pathlib import Path

from puckrl.bench.sim import SimBenchCfg, bench_sim
from puckrl.report.tables import manifest, write_table


def main(tasks: list[str]) -> None:
    """Measure the tasks one after the other into one table."""
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

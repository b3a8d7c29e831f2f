"""Control steps per second of every way to step a Fetch task -> results/sim.csv.

python benchmarks/bench_sim.py [task ...]
"""

import sys
from pathlib import Path

from puckrl.lab.bench import SimBenchCfg, bench_sim
from puckrl.lab.results import manifest, write_table


def main(tasks: list[str]) -> None:
    """Measure the tasks one after the other into one table."""
    rows = []
    for task in tasks:
        measured = bench_sim(SimBenchCfg(task=task))
        print(*measured, sep="\n")
        rows += [{"task": task, **row} for row in measured]
    about = manifest(cfg=vars(SimBenchCfg()), tasks=tasks)
    write_table(Path("results/sim.csv"), rows, about)


if __name__ == "__main__":
    main(sys.argv[1:] or ["reach", "push"])

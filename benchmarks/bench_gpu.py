"""Measure mujoco_warp by number of worlds -> results/sim_warp.csv.

python benchmarks/bench_gpu.py [--task push] [--worlds 1 64 512 ...] [--out results/sim_warp.csv]
"""

import argparse
import logging
from pathlib import Path

from puckrl.bench.sweep import SweepCfg, sweep
from puckrl.core.runtime import pick_device
from puckrl.report.tables import TableRow, manifest, write_table


def main() -> None:
    """Measure, print and write every row."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", default="push")
    parser.add_argument("--worlds", type=int, nargs="+", default=SweepCfg.num_worlds)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=SweepCfg.steps)
    parser.add_argument("--repeats", type=int, default=SweepCfg.repeats)
    parser.add_argument("--contacts", nargs="+", default=SweepCfg.contacts)
    parser.add_argument("--out", type=Path, default=Path("results/sim_warp.csv"))
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cfg = SweepCfg(
        task=args.task,
        num_worlds=tuple(args.worlds),
        steps=args.steps,
        repeats=args.repeats,
        device=args.device,
        contacts=tuple(args.contacts),
    )
    rows, about = list[TableRow](), manifest(pick_device(cfg.device), cfg=vars(cfg))

    def note(row: TableRow) -> None:
        rows.append({"task": cfg.task, **row})
        write_table(args.out, rows, about)  # after each: an interrupted sweep counts
        print(row)

    sweep(cfg, note)


if __name__ == "__main__":
    main()

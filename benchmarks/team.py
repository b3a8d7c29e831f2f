"""Measure what several processes gain over one, in whole runs -> results/team.csv.

    python benchmarks/team.py push-gpu                       one GPU, then two
    OMP_NUM_THREADS=1 python benchmarks/team.py reach --seeds 1      the plumbing, on CPUs

The table has one row per evaluation. Runs of one seed differ only in the number of processes,
which divide worlds, batches and replay among them.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from puckrl.config.presets import PRESETS, preset
from puckrl.config.run_cfg import config_hash
from puckrl.core.runtime import pick_device
from puckrl.report.rows import read_rows
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.runner.run_folder import RunFolder

TABLE = Path("results/team.csv")


def measure(name: str, seed: int, processes: int) -> list[TableRow]:
    """Train once, as torchrun does it, and return the evaluations."""
    with tempfile.TemporaryDirectory() as root:
        folder = RunFolder(Path(root) / "run")
        torchrun = ("torch.distributed.run", "--standalone", "--nproc-per-node")
        quiet = ("--save.every-s", "0", "--save.no-video", "--save.no-tensorboard")
        in_turn = "--loop.no-overlap"  # several cannot
        train = ("-m", "puckrl", "train", name, "--seed", str(seed), in_turn, *quiet)
        command = (sys.executable, "-m", *torchrun, str(processes), *train)
        subprocess.run([*command, "--out", str(folder.path)], check=True)
        final = folder.manifest()["result"]["success"]
        return [
            {
                "preset": name,
                "processes": processes,
                "seed": seed,
                "train_s": row["train_s"],
                "env_steps": row["env_steps"],
                "updates": row["updates"],
                "success": row["eval/success"],
                "final_success": final,
            }
            for row in read_rows(folder.metrics)
            if "eval/success" in row
        ]


def main() -> None:
    """Train and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", choices=list(PRESETS))
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    cfg, rows = preset(args.preset), list[TableRow]()
    about = manifest(pick_device(cfg.device), config_hash=config_hash(cfg))
    for seed in range(args.seeds):
        for processes in args.processes:
            rows += measure(args.preset, seed, processes)
            write_table(TABLE, rows, about)  # after each: an interrupted series counts
            print(rows[-1])


if __name__ == "__main__":
    main()

"""Compare critics that are histograms with critics that are numbers -> results/critic_bins.csv.

    python benchmarks/critic_bins.py --seeds 3 --parallel 2

Dense rewards, ``gym:Pendulum-v1``: the recipe with small networks, once with 200 bins and
once with none; everything else is equal. Rows are evaluations by updates and env steps.
Seconds are not written, since runs share the cores. A run that is finished in ``--runs`` is
not made again.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from puckrl.report.rows import read_rows
from puckrl.report.tables import TableRow, manifest, write_table

TASK = "gym:Pendulum-v1"
BINS = (200, 0)
SETTINGS = (
    *("--agent.precision", "fp32", "--agent.hidden", "64", "64", "--loop.no-compile"),
    *("--loop.update-ratio", "0.25", "--budget.env-steps", "16000"),
    *("--eval.every-env-steps", "4000", "--eval.episodes", "16"),
    *("--eval.final-episodes", "16", "--save.no-video", "--foreign.processes", "0"),
)


def run(bins: int, seed: int, runs: Path) -> Path:
    """Train, unless that was done before; return the run folder."""
    out = runs / f"bins{bins}-s{seed}"
    done = out / "manifest.json"
    if done.exists() and json.loads(done.read_text())["status"] == "finished":
        return out
    argv = ["train", TASK, "--agent.critic-bins", str(bins), "--seed", str(seed)]
    subprocess.run(
        [sys.executable, "-m", "puckrl", *argv, *SETTINGS, "--out", str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return out


def rows(bins: int, seed: int, folder: Path) -> list[TableRow]:
    """Return a row for each evaluation, and one for the final policy."""
    found: list[TableRow] = [
        {
            "task": TASK,
            "bins": bins,
            "seed": seed,
            "env_steps": int(row["env_steps"]),
            "updates": int(row["updates"]),
            "return": round(row["eval/return"], 1),
        }
        for row in read_rows(folder / "metrics.jsonl")
        if "eval/return" in row
    ]
    return found


def main() -> None:
    """Train what is missing and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--parallel", type=int, default=1, help="runs at a time")
    parser.add_argument("--runs", type=Path, default=Path("runs/critic-bins"))
    parser.add_argument("--table", type=Path, default=Path("results/critic_bins.csv"))
    args = parser.parse_args()
    arms = list(product(BINS, range(args.seeds)))
    with ThreadPoolExecutor(args.parallel) as pool:
        folders = list(pool.map(lambda arm: run(*arm, args.runs), arms))
    table = [
        row
        for arm, folder in zip(arms, folders, strict=True)
        for row in rows(*arm, folder)
    ]
    write_table(args.table, table, manifest(settings=SETTINGS, bins=BINS))


if __name__ == "__main__":
    main()

"""Measure how long one action takes on one core: onnxruntime beside torch.

    python benchmarks/deploy.py push-policy RUN pixels-policy RUN --out results/deploy.csv

Each exported folder comes with the run that it was exported from. Both act on the golden
observations, alternately in blocks, so that a busy machine slows both; then once per control
period, as on a robot, where caches have gone cold in between. With ``--realtime``
the process has Linux's real-time scheduler, as a robot's control loop has.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

import puckrl
from puckrl.deploy.golden import golden_pairs
from puckrl.deploy.runtime import load
from puckrl.report.tables import TableRow, manifest, write_table

BLOCKS, CALLS, PACED = 20, 250, 500
Obs = dict[str, Any]


def observations(folder: Path, contract: dict[str, Any]) -> list[Obs]:
    """Return the sensors of the golden pairs."""
    names = [one["name"] for one in contract["inputs"]]
    pairs = golden_pairs(contract, (folder / "golden.bin").read_bytes())
    return [{name: given[name] for name in names} for given, _ in pairs]


def block(act: Callable[[Obs], object], obs: list[Obs]) -> list[float]:
    """Return microseconds of each call."""
    took: list[float] = []
    for index in range(CALLS):
        begun = time.perf_counter()
        act(obs[index % len(obs)])
        took.append((time.perf_counter() - begun) * 1e6)
    return took


def paced(act: Callable[[Obs], object], obs: list[Obs], period_s: float) -> list[float]:
    """Return microseconds of calls at the control rate."""
    took: list[float] = []
    due_s = time.monotonic()
    for index in range(PACED):
        begun = time.perf_counter()
        act(obs[index % len(obs)])
        took.append((time.perf_counter() - begun) * 1e6)
        due_s += period_s
        time.sleep(max(0.0, due_s - time.monotonic()))
    return took


def rows(folder: Path, run: str) -> list[TableRow]:
    """Measure one policy with both libraries."""
    robot, live = load(folder, None), puckrl.load(run)
    obs = observations(folder, robot.contract)
    contenders: dict[str, Callable[[Obs], object]] = {
        "onnxruntime": robot.act,
        "torch": live.act,
    }
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for act in contenders.values():
        block(act, obs)  # warms up
    for _ in range(BLOCKS):
        for name, act in contenders.items():
            took[name] += block(act, obs)
    period_s = robot.contract["control"]["dt_s"]
    slow = {name: paced(act, obs, period_s) for name, act in contenders.items()}
    shapes = ", ".join(
        f"{one['name']} {'x'.join(map(str, one['shape']))}"
        for one in robot.contract["inputs"]
    )
    return [
        {
            "policy": robot.contract["origin"]["preset"],
            "inputs": shapes,
            "library": name,
            "calls": len(us),
            **{f"p{q}_us": round(float(np.percentile(us, q)), 1) for q in (50, 90, 99)},
            "max_us": round(max(us), 1),
            **{
                f"paced_p{q}_us": round(float(np.percentile(slow[name], q)), 1)
                for q in (50, 99)
            },
            "max_difference": robot.contract["proof"]["max_difference"],
            "file_kb": round((folder / "policy.onnx").stat().st_size / 1e3),
        }
        for name, us in took.items()
    ]


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pairs", nargs="+", help="FOLDER RUN ...")
    parser.add_argument("--out", type=Path, default=Path("results/deploy.csv"))
    parser.add_argument("--realtime", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    if args.realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    found: list[TableRow] = []
    for folder, run in zip(args.pairs[::2], args.pairs[1::2], strict=True):
        found += rows(Path(folder), run)
    about = manifest(
        cores_used=1, realtime=args.realtime, onnxruntime=onnxruntime.__version__
    )
    write_table(args.out, found, about)
    for row in found:
        print(row)


if __name__ == "__main__":
    main()

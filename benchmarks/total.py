"""Measure whole commands, from enter to prompt -> results/total.csv.

    python benchmarks/total.py --presets push-gpu push-pixels-gpu --seeds 8
    python benchmarks/total.py --presets push-gpu --seeds 1 --cold

Each run is a process of its own: ``puck train PRESET --seed N --profile --save.no-video``, up to
the preset's own end. A cold run has empty caches of Warp's kernels and of torch's compiler;
a warm one those of the runs before it, the first of which is not counted. Rows are added to
the table: runs of several visits stand in one.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from puckrl.core.timeline import Span, seconds_apart
from puckrl.report.tables import TableRow, manifest, write_table

TABLE = Path("results/total.csv")
PARTS = (
    "start of Python",
    "imports",
    "physics kernels",
    "set-up",
    "compile",
    "collect",
    "update",
    "overlap",
    "evaluate",
    "diagnose",
    "save",
    "final evaluation",
    "curve and card",
)


def run(preset: str, seed: int, env: dict[str, str]) -> tuple[float, Path]:
    """Train in a process of its own; return its seconds and the run folder."""
    out = Path(tempfile.mkdtemp()) / "run"
    argv = ["train", preset, "--seed", str(seed), "--profile", "--save.no-video"]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "puckrl", *argv, "--out", str(out)],
        env=os.environ | env,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start, out


def parts_of(folder: Path) -> dict[str, float]:
    """Return the seconds of each part in the process's main thread."""
    events = json.loads((folder / "profile.json").read_text())["traceEvents"]
    spans = [
        Span(e["name"], e["ts"] / 1e6, (e["ts"] + e["dur"]) / 1e6, "")
        for e in events
        if e["ph"] == "X" and e["tid"] == 0
    ]
    return seconds_apart(spans)


def measure(preset: str, seed: int, *, cold: bool) -> TableRow:
    """Run once and return the row."""
    with tempfile.TemporaryDirectory() as empty:
        caches = {"WARP_CACHE_PATH": empty, "PUCK_CACHE": empty}
        total_s, folder = run(preset, seed, caches if cold else {})
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    seconds, clock = parts_of(folder), found["clock"]
    trained = ("collect", "update", "overlap")
    return {
        "preset": preset,
        "seed": seed,
        "caches": "cold" if cold else "warm",
        "total_s": round(total_s, 1),
        "train_s": round(sum(clock["seconds"].get(name, 0.0) for name in trained), 1),
        "env_steps": clock["env_steps"],
        "updates": clock["updates"],
        "success": round(found["result"]["success"], 4),
        "stop": found["stop"],
        **{f"{name} s": round(seconds.get(name, 0.0), 1) for name in PARTS},
    }


def main() -> None:
    """Measure what is asked for and add it to the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=["push-gpu"])
    parser.add_argument("--seeds", type=int, default=8, help="number of seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--cold", action="store_true", help="with empty caches")
    parser.add_argument("--table", type=Path, default=TABLE)
    args = parser.parse_args()
    rows = list[TableRow]()
    if args.table.exists():
        rows += list(csv.DictReader(args.table.open()))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for preset in args.presets:
        if not args.cold:
            run(preset, args.first + 100, {})  # fills the caches
        for seed in range(args.first, args.first + args.seeds):
            rows.append(measure(preset, seed, cold=args.cold))
            print(rows[-1], flush=True)
            write_table(args.table, rows, manifest(device=device))


if __name__ == "__main__":
    main()

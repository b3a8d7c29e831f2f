"""Measure how fast presets learn: one row per evaluation and seed, and a summary.

    python benchmarks/learning.py push --seeds 5
    python benchmarks/learning.py push --seeds 2 --first 5      two more of the same series

writes results/learning_push.csv, rewrites results/learning.csv (all presets) and prints the
summary. The table keeps its seeds of the same configuration, so you can continue a series,
or run it on several GPUs at once (CUDA_VISIBLE_DEVICES). Times count collecting and updating;
compilation and evaluation have columns of their own. Success is that of the last step of at
least 200 deterministic episodes.
"""

import argparse
import fcntl
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from puckrl.config.presets import PRESETS, preset
from puckrl.config.run_cfg import EvalCfg, RunCfg, config_hash, from_dict, to_dict
from puckrl.core.errors import UserError
from puckrl.core.runtime import pick_device
from puckrl.report.tables import TableRow, manifest, read_table, times_to, write_table
from puckrl.study.trial import trial

RESULTS = Path("results")
EPISODES, FINAL_EPISODES = 200, 500
LEVELS = (0.5, 0.95, 0.98, 0.99)


def measure(cfg: RunCfg, keep: Path | None) -> list[TableRow]:
    """Train once and return the evaluations."""
    made = trial(cfg, keep)
    seconds, memory = made.manifest["clock"]["seconds"], made.manifest["memory_gb"]
    return [
        {
            "preset": cfg.preset,
            "seed": cfg.seed,
            "train_s": row["train_s"],
            "env_steps": row["env_steps"],
            "updates": row["updates"],
            "success": row["eval/success"],
            "final_success": made.manifest["result"]["success"],
            "compile_s": round(seconds.get("compile", 0.0), 1),
            "evaluate_s": round(seconds.get("evaluate", 0.0), 1),
            "update_ratio": round(row["updates"] / row["env_steps"], 4),
            "ram_gb": memory["ram"],
            "gpu_gb": memory["gpu"],
            "stop": made.manifest["stop"],
        }
        for row in made.evaluations
    ]


def summary(name: str, rows: list[dict[str, str]]) -> list[TableRow]:
    """Return median and spread over seeds of the time to each success rate."""
    lines: list[TableRow] = []
    for level in LEVELS:
        times = times_to(rows, name, level)
        lines.append(
            {
                "preset": name,
                "success": level,
                "seeds": len(times),
                "median_s": round(statistics.median(times), 1),
                "best_s": round(times[0], 1),
                "worst_s": round(times[-1], 1),
            }
        )
    return lines


def alike(rows: Sequence[TableRow]) -> list[TableRow]:
    """Return rows with the same columns, since older tables lack some."""
    columns = dict.fromkeys((name for row in rows for name in row), "")
    return [{**columns, **row} for row in rows]


def store(table: Path, rows: list[TableRow], about: Mapping[str, Any]) -> None:
    """Write the evaluations of one seed into its table and into that of all presets."""
    RESULTS.mkdir(exist_ok=True)
    folder = os.open(RESULTS, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # other seeds may end at the same time
        seed = str(rows[0]["seed"])
        others = [row for row in earlier(table, about) if row["seed"] != seed]
        every = alike([*others, *rows])
        write_table(table, sorted(every, key=lambda row: int(row["seed"])), about)
        parts = sorted(RESULTS.glob("learning_*.csv"))
        merged = [row for part in parts for row in read_table(part)]
        sources = {"tables": [part.name for part in parts]}  # each has its own manifest
        write_table(RESULTS / "learning.csv", alike(merged), sources)
    finally:
        os.close(folder)


def earlier(table: Path, about: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the rows of a table that have the same configuration."""
    if not table.exists():
        return []
    settings = json.loads(table.with_suffix(".json").read_text())["settings"]
    try:
        # not the stored hash: settings added since have their defaults
        before = config_hash(from_dict(settings["config"]))
    except (KeyError, UserError):
        return []
    return read_table(table) if before == about["settings"]["config_hash"] else []


def main() -> None:
    """Train, write the tables, print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", choices=list(PRESETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--until", type=float, help="success at which a run ends")
    parser.add_argument(
        "--env-steps", type=int, help="budget of a run, to compare runs"
    )
    parser.add_argument(
        "--keep", type=Path, help="keep the runs here, without snapshots"
    )
    args = parser.parse_args()

    base = preset(args.preset)
    if args.env_steps is not None:
        base = replace(base, budget=replace(base.budget, env_steps=args.env_steps))
    if args.until is not None:
        base = replace(base, budget=replace(base.budget, until_success=args.until))
    judged = EvalCfg(base.eval.every_env_steps, EPISODES, FINAL_EPISODES)
    base = replace(base, eval=judged)
    about = manifest(
        pick_device(base.device),
        config=to_dict(base),
        config_hash=config_hash(base),
        episodes=EPISODES,
    )
    table = RESULTS / f"learning_{args.preset}.csv"
    for seed in range(args.first, args.first + args.seeds):
        rows = measure(replace(base, seed=seed), args.keep)
        if rows[0]["stop"] == "interrupted":
            raise SystemExit(f"seed {seed} was interrupted: its run says nothing")
        store(table, rows, about)  # after each: an interrupted series counts
    for line in summary(args.preset, read_table(table)):
        print(*(f"{key} {value}" for key, value in line.items()))


if __name__ == "__main__":
    main()

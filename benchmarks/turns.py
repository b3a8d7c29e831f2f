"""Compare the sequential and the overlapped schedule in whole runs.

    python benchmarks/turns.py push-gpu push-pixels-gpu      -> results/turns.csv

The table has one row per evaluation. Runs of one seed differ only in ``loop.overlap``.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from puckrl.config.presets import preset
from puckrl.config.run_cfg import EvalCfg, RunCfg
from puckrl.report.tables import TableRow, manifest_of, write_table
from puckrl.study.trial import trial

TABLE = Path("results/turns.csv")
EPISODES = 256


def measure(cfg: RunCfg) -> list[TableRow]:
    """Train once and return the evaluations."""
    return [
        {
            "preset": cfg.preset,
            "overlap": int(cfg.loop.overlap),
            "seed": cfg.seed,
            "train_s": row["train_s"],
            "env_steps": row["env_steps"],
            "updates": row["updates"],
            "success": row["eval/success"],
        }
        for row in trial(cfg).evaluations
    ]


def ways(name: str, seed: int) -> list[RunCfg]:
    """Return a preset with both schedules."""
    cfg = preset(name)
    judged = EvalCfg(cfg.eval.every_env_steps, EPISODES, EPISODES)
    return [
        replace(cfg, seed=seed, eval=judged, loop=replace(cfg.loop, overlap=overlap))
        for overlap in (False, True)
    ]


def main() -> None:
    """Train and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="+")
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    configs = [
        cfg
        for name in args.presets
        for seed in range(args.seeds)
        for cfg in ways(name, seed)
    ]
    rows, about = list[TableRow](), manifest_of(configs)
    for cfg in configs:
        rows += measure(cfg)
        write_table(TABLE, rows, about)  # after each: an interrupted series counts
        print(rows[-1])


if __name__ == "__main__":
    main()

"""Measure what gauges and verdicts cost a run -> results/doctor_overhead.csv.

    python benchmarks/doctor_overhead.py reach push:60000 push-pixels:40000

An argument is a preset and its env steps (without a number: its own budget). Gauges read
networks and replay at each evaluation, and the run's clock counts them. After the run, the
benchmark repeats and times the verdict of each evaluation on the rows up to it. Shares are
relative to collecting and updating, the time of a run without doctor and evaluations.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

from puckrl.config.facts import facts_of
from puckrl.config.presets import preset
from puckrl.config.run_cfg import BudgetCfg, RunCfg, config_hash
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import from_rows
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.study.trial import trial
from puckrl.training.sinks import LogRow


def verdicts_s(rows: list[LogRow], facts: RunFacts) -> float:
    """Return the seconds of the verdicts at all evaluations."""
    took = 0.0
    for count, row in enumerate(rows, start=1):
        if "eval/success" in row:
            start = time.perf_counter()
            diagnose(from_rows(rows[:count]), facts)
            took += time.perf_counter() - start
    return took


def measure(cfg: RunCfg) -> TableRow:
    """Train and return where the time went."""
    made = trial(cfg)
    rows, seconds = made.rows, made.manifest["clock"]["seconds"]
    train_s = seconds["collect"] + seconds["update"]
    judged_s = verdicts_s(rows, facts_of(cfg))
    return {
        "preset": cfg.preset,
        "env_steps": rows[-1]["env_steps"],
        "evaluations": len(made.evaluations),
        "train_s": round(train_s, 2),
        "gauges_s": round(seconds["diagnose"], 3),
        "verdicts_s": round(judged_s, 3),
        "share": round((seconds["diagnose"] + judged_s) / train_s, 4),
    }


def main(wanted: list[str]) -> None:
    """Measure one preset after the other and write one table."""
    rows: list[TableRow] = []
    hashes: dict[str, str] = {}
    for text in wanted:
        name, _, steps = text.partition(":")
        cfg = preset(name)
        if steps:
            cfg = replace(cfg, budget=BudgetCfg(env_steps=int(steps)))
        hashes[name] = config_hash(cfg)
        rows.append(measure(cfg))
        print(rows[-1], flush=True)
    write_table(
        Path("results/doctor_overhead.csv"), rows, manifest(config_hashes=hashes)
    )


if __name__ == "__main__":
    main(sys.argv[1:] or ["reach", "push:60000", "push-pixels:40000"])

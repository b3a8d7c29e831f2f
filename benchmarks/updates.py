"""Measure the time of an update, as written and compiled -> results/updates.csv.

    python benchmarks/updates.py push-gpu push-pixels-gpu --student-batch 512

An update includes sampling its batch and, with a teacher, the student's share: the images at
which it imitates. ``--student-batch`` also measures presets that have a student with that number
of images.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from puckrl.bench.parts import bench_update
from puckrl.config.presets import PRESETS, preset
from puckrl.config.run_cfg import RunCfg
from puckrl.report.tables import TableRow, manifest_of, write_table

TABLE = Path("results/updates.csv")


def measure(cfg: RunCfg) -> list[TableRow]:
    """Return a row as written, and one compiled."""
    sizes: TableRow = {
        "preset": cfg.preset,
        "batch": cfg.agent.batch_size,
        "pictures": pictures(cfg),
    }
    return [
        {**sizes, **row, "ms": round(1e3 / float(row["per_s"]), 3)}
        for row in bench_update(cfg, least_updates=500, repeats=5)
    ]


def pictures(cfg: RunCfg) -> int:
    """Return the number of observations with images in an update; 0 from state."""
    if not cfg.pixels.viewpoints:
        return 0
    return getattr(cfg.agent, "student_batch", cfg.agent.batch_size)


def variants(name: str, student_batch: int | None) -> Iterator[RunCfg]:
    """Return the preset, and if it has a student, one with the other number of images."""
    cfg = preset(name)
    yield cfg
    if student_batch is not None and hasattr(cfg.agent, "student_batch"):
        yield replace(cfg, agent=replace(cfg.agent, student_batch=student_batch))


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="+", choices=list(PRESETS))
    parser.add_argument("--student-batch", type=int)
    args = parser.parse_args()
    configs = [
        cfg for name in args.presets for cfg in variants(name, args.student_batch)
    ]
    rows, about = list[TableRow](), manifest_of(configs)
    for cfg in configs:
        rows += measure(cfg)
        write_table(TABLE, rows, about)  # after each: an interrupted series counts
        print(*rows[-2:], sep="\n", flush=True)


if __name__ == "__main__":
    main()

"""Compare the logs of two versions, number for number -> results/same_numbers.csv.

    python benchmarks/same_numbers.py OLD_RUNS NEW_RUNS

Each folder holds runs of the same presets, budgets and seed, on one CPU thread. Every row of
``metrics.jsonl`` must be equal but for what measures time. A change that is to move no number
shows here that it moved none; one that renames a metric is read by its new name.
"""

import argparse
from pathlib import Path

from puckrl.config.run_cfg import config_hash
from puckrl.report.rows import read_rows
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.runner.run_folder import RunFolder
from puckrl.training.sinks import LogRow

TABLE = Path("results/same_numbers.csv")
_TIMED = {"train_s", "wall_s", "rate/env_steps_per_s", "rate/updates_per_s"}


def untimed(folder: RunFolder) -> list[LogRow]:
    """Return a run's rows without what measures time."""
    rows = read_rows(folder.metrics)
    return [{k: v for k, v in row.items() if k not in _TIMED} for row in rows]


def compare(old: RunFolder, new: RunFolder) -> TableRow:
    """Return how many rows and numbers of two runs were compared, and differ."""
    before, after = untimed(old), untimed(new)
    differing = sum(a != b for a, b in zip(before, after, strict=False))
    return {
        "preset": new.config().preset,
        "seed": new.config().seed,
        "env_steps": int(after[-1]["env_steps"]),
        "updates": int(after[-1]["updates"]),
        "rows": len(after),
        "numbers": sum(map(len, after)),
        "differing_rows": differing + abs(len(before) - len(after)),
    }


def by_preset(root: Path) -> dict[str, RunFolder]:
    """Return the run folders under ``root`` by the name of their preset."""
    found = [RunFolder(path.parent) for path in sorted(root.glob("*/config.yaml"))]
    return {folder.config().preset: folder for folder in found}


def main() -> None:
    """Compare and write the table; exit with 1 if a number differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    args = parser.parse_args()
    old, new = by_preset(args.old), by_preset(args.new)
    rows = [compare(old[name], new[name]) for name in sorted(new)]
    print(*rows, sep="\n")
    hashes = {name: config_hash(folder.config()) for name, folder in new.items()}
    versions = {
        name: folder.manifest()["git"]["revision"] for name, folder in old.items()
    }
    write_table(TABLE, rows, manifest(config_hashes=hashes, compared_with=versions))
    raise SystemExit(any(row["differing_rows"] for row in rows))


if __name__ == "__main__":
    main()

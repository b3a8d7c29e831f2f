"""Write and read tables of measurements with their provenance.

results/sim.csv     rows, for people and plots
results/sim.json    versions, machine, revision, command: all it takes to repeat them
"""

import csv
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from puckrl.config.run_cfg import RunCfg, config_hash
from puckrl.core.errors import UserError
from puckrl.core.runtime import pick_device
from puckrl.report.provenance import provenance

TableRow = Mapping[str, str | int | float]
"""One line of a table: column -> value."""


def manifest(device: torch.device | None = None, **settings: object) -> dict[str, Any]:
    """Return what it takes to repeat a measurement, and how busy the machine was.

    Tables are published: of absolute paths on the command line only the name stays.
    """
    about = provenance(device)
    argv = [Path(word).name if word.startswith("/") else word for word in about["argv"]]
    return {
        **about,
        "argv": argv,
        "torch_threads": torch.get_num_threads(),
        "load_average": os.getloadavg(),
        "settings": settings,
    }


def manifest_of(configs: Sequence[RunCfg]) -> dict[str, Any]:
    """Return the manifest of runs: the first one's device, each one's hash and preset."""
    hashes = {config_hash(cfg): cfg.preset for cfg in configs}
    return manifest(pick_device(configs[0].device), config_hashes=hashes)


def write_table(path: Path, rows: Sequence[TableRow], about: Mapping[str, Any]) -> None:
    """Write ``rows`` to ``path`` (.csv) and ``about`` beside it (.json).

    Args:
        path: the table; missing folders are made.
        rows: at least one, all with the same columns.
        about: the manifest.

    Raises:
        ValueError: if there are no rows, or their columns differ.
    """
    if not rows or any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError("a table needs rows, and the same columns in each")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    path.with_suffix(".json").write_text(json.dumps(about, indent=2) + "\n")


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows that ``write_table`` wrote, every value as text.

    Raises:
        UserError: if there is no such file.
    """
    if not path.is_file():
        raise UserError(f"no table {str(path)!r}; run the benchmark that writes it")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def times_to(
    rows: Sequence[Mapping[str, str]], preset: str, level: float
) -> list[float]:
    """Return when each seed first reached a success rate, seconds; inf: never.

    Args:
        rows: evaluations with columns preset, seed, train_s and success.
        preset: whose rows to look at.
        level: success rate to reach.

    Returns:
        Seconds of training, one per seed, sorted.
    """
    times: dict[str, float] = {}
    for row in rows:
        if row["preset"] == preset:
            now = float(row["train_s"]) if float(row["success"]) >= level else math.inf
            times[row["seed"]] = min(now, times.get(row["seed"], math.inf))
    return sorted(times.values())

"""Measure `puck doctor` on long logs: seconds and memory of the whole command.

    python benchmarks/read_logs.py          writes results/read_logs.csv

The logs are invented: a run of a million rows that takes off, with six columns, as CSV in
Stable-Baselines3's names and as JSON lines in puckrl's. Ten rows cost what starting costs.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from puckrl.report.tables import TableRow, manifest, write_table

_NAMES = {
    "time/total_timesteps": "env_steps",
    "train/n_updates": "updates",
    "rollout/success_rate": "train/success",
    "rollout/ep_rew_mean": "train/return",
    "train/critic_loss": "train/critic_loss",
    "train/actor_loss": "train/actor_loss",
}
"""Stable-Baselines3's name -> ours."""


def columns(rows: int) -> np.ndarray:
    """Return the numbers of a run that takes off, (rows, 6)."""
    rng, share = np.random.default_rng(0), np.linspace(0, 1, rows)
    success = 0.03 + 0.93 / (1 + np.exp(-(share - 0.4) / 0.05))
    noise = rng.normal(0, 0.01, rows)
    steps = np.arange(1, rows + 1) * 50.0
    return np.column_stack(
        [steps, steps, np.clip(success + noise, 0, 1), -50 * (1 - success / 2),
         0.1 + noise**2, 10 * (1 - success)]
    )  # fmt: skip


def write(path: Path, rows: int) -> None:
    """Write a log in the form of its ending."""
    numbers = columns(rows)
    if path.suffix == ".csv":
        np.savetxt(path, numbers, "%.6g", ",", header=",".join(_NAMES), comments="")
        return
    names = list(_NAMES.values())
    with path.open("w") as file:
        for row in numbers.tolist():
            file.write(json.dumps(dict(zip(names, row, strict=True))) + "\n")


def measured(path: Path, rows: int) -> TableRow:
    """Return seconds and peak memory of the whole command."""
    command = [sys.executable, "-m", "puckrl", "doctor", str(path), "--json"]
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"puck doctor failed on {path}"
    return {
        "form": path.suffix[1:],
        "rows": rows,
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(used.ru_maxrss / 1024),
    }


def main() -> None:
    """Measure both forms, short and long."""
    lines: list[TableRow] = []
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("csv", "jsonl"):
            for rows in (10, 1_000_000):
                path = Path(folder) / f"run{rows}.{ending}"
                # A child begins with the size of its parent: this one stays small
                writer = multiprocessing.get_context("spawn").Process(
                    target=write, args=(path, rows)
                )
                writer.start()
                writer.join()
                lines.append(measured(path, rows))
                print(lines[-1], flush=True)
    write_table(Path("results/read_logs.csv"), lines, manifest())


if __name__ == "__main__":
    main()

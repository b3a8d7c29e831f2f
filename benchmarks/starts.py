"""Measure how long a run takes to begin, without and with caches -> results/starts.csv.

    python benchmarks/starts.py push-gpu push-pixels-gpu

Every preset starts twice, each time in a process of its own: first with empty caches of Warp
and torch's compiler, then with the caches that the first start has filled.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from puckrl.config.presets import PRESETS, preset
from puckrl.core.runtime import torch_threads
from puckrl.report.tables import TableRow, manifest_of, write_table
from puckrl.runner.build import build

TABLE = Path("results/starts.csv")
FOLDERS = ("WARP_CACHE_PATH", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


def begin(name: str, started: float) -> TableRow:
    """Run a preset up to its first updates.

    Args:
        name: preset.
        started: start of this process, seconds since the epoch.

    Returns:
        Seconds to the end of the first control step of all worlds, including Python's
        imports, and seconds of the first round of updates.
    """
    parts = build(preset(name))
    with torch_threads(1):
        parts.collector.collect(parts.learner.behavior, 1)
        first_step_s = time.time() - started
        while parts.learner.warming_up:
            parts.collector.collect(parts.learner.behavior, parts.env.spaces.horizon)
    from puckrl.bench.parts import learn  # and, behind it, what only cameras need

    start = time.perf_counter()
    learn(parts, parts.agent.updates_per_round)
    return {
        "first_step_s": round(first_step_s, 1),
        "first_updates_s": round(time.perf_counter() - start, 1),
    }


def twice(name: str) -> list[TableRow]:
    """Measure both starts of one preset."""
    with tempfile.TemporaryDirectory() as root:
        env = os.environ | {key: str(Path(root) / key) for key in FOLDERS}
        return [{"preset": name, "start": n, **_apart(name, env)} for n in (1, 2)]


def _apart(name: str, env: dict[str, str]) -> TableRow:
    """Call ``begin`` in a process of its own."""
    command = [sys.executable, __file__, name, "--started", str(time.time())]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure the starts and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="+", choices=list(PRESETS))
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.started is not None:
        print(json.dumps(begin(args.presets[0], args.started)))
        return
    rows, about = list[TableRow](), manifest_of([preset(name) for name in args.presets])
    for name in args.presets:
        rows += twice(name)
        write_table(TABLE, rows, about)
        print(*rows[-2:], sep="\n", flush=True)


if __name__ == "__main__":
    main()

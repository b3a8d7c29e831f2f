"""Measure how long commands take to answer, before and after -> results/starts_cli.csv.

    git worktree add /tmp/before 6eed153
    python benchmarks/starts_cli.py --before /tmp/before

Each command is a whole process: the interpreter, its imports, the answer. Both trees run in
turns, in the same environment and on warm caches, so that other load meets both alike.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from puckrl.report.tables import TableRow, manifest, write_table

TABLE = Path("results/starts_cli.csv")
HERE = Path(__file__).parent.parent
RUN = HERE / "tests/old_runs/reach-5f0c6ce8-s0"
MANY = 100
"""Runs that ``puck runs`` lists."""

GOALS_S = {
    "puck --version": 0.15,
    "puck list": 0.5,
    "puck train push --help": 0.8,
    "puck train push --agent.gama 0.9": 0.8,
    "puck doctor RUN": 1.2,
    "puck runs": 1.2,
    "puck compare RUN RUN": 1.2,
    "puck train push --agent.<tab>": 0.3,
    "puck eval NO-RUN": None,
}
"""Commands, and the seconds that each may take."""
NEW = ("puck runs", "puck compare RUN RUN", "puck train push --agent.<tab>")
"""Commands that the tree of before may lack."""


def call(command: str, tree: Path, runs: Path) -> float:
    """Run a command of a tree in a process of its own; return its seconds."""
    words = {
        "puck runs": ["runs", "--runs", str(runs)],
        "puck doctor RUN": ["doctor", str(RUN)],
        "puck compare RUN RUN": ["compare", "0", "1", "--runs", str(runs)],
    }.get(command, command.split()[1:])
    env = os.environ | {"PYTHONPATH": str(tree / "src")}
    if command.endswith("<tab>"):
        line = command.removesuffix("<tab>")
        words = []
        env |= {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": os.devnull,
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "COMP_TYPE": "9",
        }
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "puckrl", *words],
        env=env,
        cwd=runs.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 2, 3) or "Traceback" in done.stderr:
        raise RuntimeError(f"{command} in {tree}: {done.stderr}")
    return seconds


def measure(command: str, trees: dict[str, Path], times: int) -> list[TableRow]:
    """Measure one command in every tree, in turns; return a row for each tree."""
    with tempfile.TemporaryDirectory() as root:
        runs = Path(root) / "runs"
        for index in range(MANY):
            shutil.copytree(RUN, runs / str(index))
        taken: dict[str, list[float]] = {name: [] for name in trees}
        for turn in range(times + 1):
            for name, tree in trees.items():
                seconds = call(command, tree, runs)
                if turn:  # the first fills the caches
                    taken[name].append(seconds)
    return [
        {
            "command": command,
            "tree": name,
            "median_s": round(statistics.median(found), 3),
            "worst_s": round(max(found), 3),
            "times": times,
            "goal_s": GOALS_S[command] or "",
        }
        for name, found in taken.items()
    ]


def main() -> None:
    """Measure every command and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="a source tree to compare with")
    parser.add_argument("--times", type=int, default=15)
    args = parser.parse_args()
    rows, about = list[TableRow](), manifest(listed_runs=MANY)
    for command in GOALS_S:
        trees = {"after": HERE}
        if args.before and command not in NEW:
            trees = {"before": args.before.resolve(), **trees}
        rows += measure(command, trees, args.times)
        print(*rows[-len(trees) :], sep="\n", flush=True)
        write_table(TABLE, rows, about)


if __name__ == "__main__":
    main()

"""Measure what memory and touch are worth in peg insertion -> results/peg_memory.csv.

    python benchmarks/peg_memory.py --folder results [--minutes 8] [--jobs 2]

Each arm trains `peg-insert-touch` from scratch (socket noise 2 mm) in a process with one
thread. Success is judged at whole steps of updates, so that arms compare at equal updates,
whatever their speed; the last row of an arm is judged over more episodes, with sampled
actions too: a policy whose noise finds the hole searches, although it does not remember.
"""

import argparse
import math
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from puckrl.agents.rebuild import copy_policy
from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.clock import Clock
from puckrl.core.types import Obs
from puckrl.report.tables import TableRow, manifest_of, read_table, write_table
from puckrl.runner.build import build
from puckrl.runner.worlds import make_eval_env
from puckrl.training.judge import evaluate

TABLE = Path("results/peg_memory.csv")
EVERY, EPISODES, FINAL_EPISODES, SEED = 2500, 128, 512, 17
BLIND = ("proprio", "fine", "desired_goal")
TOUCH = ("proprio", "fine", "touch", "desired_goal")
MEMORIES: dict[str, dict[str, Any]] = {
    "none": {},
    "stack 4": {"agent.memory.kind": "stack"},
    "gru": {"agent.memory.kind": "gru"},
}
ARMS: dict[str, dict[str, Any]] = {
    **{
        f"{memory}, {'touch' if touch else 'no touch'}": {
            **settings,
            "agent.actor_sensors": TOUCH if touch else BLIND,
        }
        for memory, settings in MEMORIES.items()
        for touch in (False, True)
    },
    "scan, touch": {"agent.memory.kind": "scan"},
    "stack 4, touch, entropy": {"agent.memory.kind": "stack", "agent.alpha": 0.15},
    "gru, touch, entropy": {"agent.memory.kind": "gru", "agent.alpha": 0.15},
}


class Sampled:
    """A policy that samples its actions where a judge asks for deterministic ones."""

    def __init__(self, policy: Any) -> None:
        self._policy, self.device = policy, policy.device

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Return sampled actions, without random ones."""
        return self._policy.act(obs, explore=True)

    def reset(self, done: Tensor) -> None:
        """Forget the worlds whose episode is over."""
        self._policy.reset(done)


def configuration(arm: str, seed: int, compiled: bool) -> RunCfg:
    """Return the configuration of an arm."""
    fixed = {"seed": seed, "device": "cpu", "sim.num_threads": 1}
    cfg = preset("peg-insert-touch").with_(**fixed, **ARMS[arm])
    return cfg.with_(**{"loop.compile": compiled})


def train(arm: str, seed: int, args: argparse.Namespace) -> None:
    """Train one arm until the minutes or the updates are spent; write its rows."""
    torch.set_num_threads(1)
    cfg = configuration(arm, seed, not args.no_compile)
    parts, clock, rows = build(cfg), Clock(), list[TableRow]()
    env = make_eval_env(cfg, 128, SEED)
    end, due, spent_s = time.monotonic() + 60 * args.minutes, EVERY, time.process_time()

    def row(episodes: int, sampled: float = math.nan) -> TableRow:
        judged = evaluate(env, parts.agent.averaged, episodes)
        return {
            "arm": arm,
            "seed": seed,
            "updates": clock.updates,
            "env_steps": clock.env_steps,
            "episodes": judged.episodes,
            "success": round(judged.success, 4),
            "low": round(judged.interval.low, 4),
            "high": round(judged.interval.high, 4),
            "sampled": round(sampled, 4),
            "cpu_s": round(time.process_time() - spent_s),
        }

    with closing(parts), closing(env):
        while time.monotonic() < end and clock.updates < args.updates:
            collected, _ = parts.schedule(clock, lambda status: None)
            clock.env_steps += collected.env_steps
            if clock.updates >= due:
                due += EVERY
                rows.append(row(EPISODES))
        other = Sampled(copy_policy(parts.agent))
        rows.append(row(FINAL_EPISODES, evaluate(env, other, FINAL_EPISODES).success))
    write_table(part(args.folder, arm, seed), rows, manifest_of([cfg]))


def part(folder: Path, arm: str, seed: int) -> Path:
    """Return the table of one arm and seed."""
    words = arm.replace(",", "").split()
    return folder / f"{'-'.join(words)}-{seed}.csv"


def main() -> None:
    """Train the arms side by side, or one of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--updates", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("runs/peg_memory"))
    parser.add_argument("--arms", nargs="*", default=list(ARMS))
    parser.add_argument("--one", nargs=2, help="arm and seed, in this process")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.one:
        train(args.one[0], int(args.one[1]), args)
        return
    todo = [(arm, str(seed)) for arm in args.arms for seed in range(args.seeds)]
    running: list[subprocess.Popen[bytes]] = []
    single = {**os.environ, "OMP_NUM_THREADS": "1"}
    while todo or running:
        running = [process for process in running if process.poll() is None]
        if todo and len(running) < args.jobs:
            command = [sys.executable, *sys.argv, "--one", *todo.pop(0)]
            running.append(subprocess.Popen(command, env=single))
        else:
            time.sleep(0.5)
    parts = [(arm, seed) for arm in args.arms for seed in range(args.seeds)]
    made = [
        path for path in (part(args.folder, *one) for one in parts) if path.exists()
    ]
    rows = [row for path in made for row in read_table(path)]
    cfgs = [configuration(arm, 0, not args.no_compile) for arm in args.arms]
    write_table(args.folder / TABLE.name, rows, manifest_of(cfgs))


if __name__ == "__main__":
    main()

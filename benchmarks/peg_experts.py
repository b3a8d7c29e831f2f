"""Measure the scripts of peg insertion -> results/peg_experts.csv.

    python benchmarks/peg_experts.py

The expert knows the socket. The spiral search does not: its success is the floor that
learning with an uncertain estimate must beat.
"""

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from puckrl.agents.scripted import Scripted
from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.runtime import torch_threads
from puckrl.core.types import Obs
from puckrl.envs.goal_env import GoalEnv
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.runner.worlds import make_eval_env
from puckrl.tasks.peg.experts import SpiralSearch
from puckrl.training.judge import evaluate

TABLE = Path("results/peg_experts.csv")
EPISODES, WORLDS, SEED, HORIZON = 512, 128, 17, 150
CLEARANCES_M, SIGMAS_M = (0.0005, 0.001), (0.001, 0.002, 0.004)


def expert(env: GoalEnv) -> Scripted:
    """Return the task's expert as a policy."""

    def script(obs: Obs) -> torch.Tensor:
        action = env.task.expert(obs)
        assert action is not None
        return action

    return Scripted(script)


def measure(cfg: RunCfg, script: str, **changes: float) -> TableRow:
    """Play a script in evaluation episodes of a preset with other settings."""
    assert cfg.params is not None
    params = replace(cfg.params, horizon=HORIZON, **changes)
    start = time.process_time()
    env = make_eval_env(replace(cfg, params=params), WORLDS, SEED)
    with closing(env), torch_threads(1):
        policy = SpiralSearch(env.device) if script == "spiral" else expert(env)
        played = evaluate(env, policy, EPISODES)
    return {
        "script": script,
        "clearance_mm": 1000 * params.clearance_m,
        "sigma_mm": 1000 * params.socket_noise_m,
        "episodes": played.episodes,
        "success": round(played.success, 4),
        "low": round(played.interval.low, 4),
        "high": round(played.interval.high, 4),
        "time_to_success_s": round(played.time_to_success_s, 2),
        **{name: round(value, 2) for name, value in played.metrics.items()},
        "cpu_s": round(time.process_time() - start, 1),
    }


def main() -> None:
    """Measure both scripts and write the table."""
    about = manifest(episodes=EPISODES, seed=SEED, horizon=HORIZON)
    known, unsure = preset("peg-insert"), preset("peg-insert-touch")
    rows = [measure(known, "expert", clearance_m=c) for c in CLEARANCES_M]
    rows += [measure(unsure, "spiral", socket_noise_m=s) for s in SIGMAS_M]
    write_table(TABLE, rows, about)
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()

"""Measure how exactly critics must know the object's position -> results/blur.csv.

    python benchmarks/blur.py                  0, 1 and 2 cm
    python benchmarks/blur.py --error 0.005    half a centimeter

Trains `push` from state, with an error in the object's position that actor and critics
get. The error is a smooth function of the scene, like that of an encoder: the same scene
always has the same error, and scenes that differ by centimeters have another. Rewards and
hindsight goals are exact. The table has one row per evaluation.
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from puckrl.config.presets import preset
from puckrl.config.run_cfg import BudgetCfg, EvalCfg, config_hash
from puckrl.core.runtime import pick_device
from puckrl.core.types import Obs
from puckrl.nets.inputs import VectorInput
from puckrl.report.tables import TableRow, manifest, read_table, write_table
from puckrl.study.trial import trial

TABLE = Path("results/blur.csv")
GRIPPER, OBJECT, OBJECT_FROM_GRIPPER = slice(0, 3), slice(3, 6), slice(6, 9)
LENGTH_M, WAVES = 0.04, 64
EXACT = VectorInput.raw


class Blur:
    """Add an error to the object's position: random waves over object and gripper positions.

    Args:
        error_m: standard deviation along each horizontal axis; a third of it vertically.
    """

    def __init__(self, error_m: float) -> None:
        rng = torch.Generator().manual_seed(0)
        self._waves = torch.randn(6, WAVES, generator=rng) / LENGTH_M
        self._phase = 2 * math.pi * torch.rand(WAVES, generator=rng)
        size = error_m * math.sqrt(2 / WAVES) * torch.tensor([1.0, 1.0, 0.3])
        self._size = size * torch.randn(WAVES, 3, generator=rng)

    def __call__(self, state: Tensor) -> Tensor:
        """Return errors in meters, (..., 3), for state vectors (..., 25)."""
        scene = torch.cat([state[..., OBJECT], state[..., GRIPPER]], dim=-1)
        return torch.cos(scene.float() @ self._waves + self._phase) @ self._size

    def raw(self, inputs: VectorInput, obs: Obs) -> Tensor:
        """Return ``VectorInput.raw`` of the state with the error."""
        error, state = self(obs["state"]), obs["state"].float().clone()
        state[..., OBJECT] += error
        state[..., OBJECT_FROM_GRIPPER] += error
        told = {"state": state, "achieved_goal": obs["achieved_goal"] + error}
        return EXACT(inputs, {**obs, **told})


def measure(error_m: float, env_steps: int) -> list[TableRow]:
    """Train once and return the evaluations."""
    blur = Blur(error_m)

    def raw(inputs: VectorInput, obs: Obs) -> Tensor:
        return blur.raw(inputs, obs)

    VectorInput.raw = raw
    cfg = replace(
        preset("push"),
        budget=BudgetCfg(env_steps=env_steps),
        eval=EvalCfg(20_000, episodes=256, final_episodes=256),
    )
    return [
        {
            "error_m": error_m,
            "seed": cfg.seed,
            "env_steps": row["env_steps"],
            "updates": row["updates"],
            "success": row["eval/success"],
            "q_start": row["probe/q_start"],
        }
        for row in trial(cfg).evaluations
    ]


def main() -> None:
    """Train and write; keep the other errors of the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--error", type=float, nargs="+", default=[0.0, 0.01, 0.02])
    parser.add_argument("--env-steps", type=int, default=140_000)
    args = parser.parse_args()
    cfg = preset("push")
    about = manifest(pick_device(cfg.device), config_hash=config_hash(cfg))
    for error_m in args.error:
        before = read_table(TABLE) if TABLE.exists() else []
        others = [row for row in before if float(row["error_m"]) != error_m]
        rows = [*others, *measure(error_m, args.env_steps)]
        rows.sort(key=lambda row: (float(row["error_m"]), float(row["updates"])))
        write_table(TABLE, rows, about)  # after each: an interrupted series counts


if __name__ == "__main__":
    main()

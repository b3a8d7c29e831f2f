"""Measure what each part of push-pixels is worth: one change each, equal updates.

    python benchmarks/ablations.py --seeds 1 --jobs 2

writes results/ablations.csv, one row per evaluation, and prints the final success of
every run. The table has no times, since runs may share the cores.
"""

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch

from puckrl.agents.settings import MODES, VisionCfg
from puckrl.config.presets import preset
from puckrl.config.run_cfg import BudgetCfg, EvalCfg, RunCfg, config_hash
from puckrl.replay.settings import SamplingCfg
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.runner.plan import admit
from puckrl.study.trial import trial

TABLE = Path("results/ablations.csv")
EPISODES, FINAL_EPISODES = 200, 500
_WHOLE, _ALONE = preset("push-pixels"), preset("push-pixels-asymmetric")


def _seeing(change: Callable[[VisionCfg], VisionCfg]) -> RunCfg:
    """Return push-pixels with another vision."""
    agent = _WHOLE.agent
    return replace(_WHOLE, agent=replace(agent, vision=change(agent.vision)))


def _with_encoder(**changes: str) -> RunCfg:
    """Return push-pixels with another encoder or head."""
    return _seeing(lambda s: replace(s, encoder=replace(s.encoder, **changes)))


CHANGES: dict[str, RunCfg] = {
    "nothing": _WHOLE,
    "no auxiliary loss": _seeing(lambda s: replace(s, aux_weight=0.0)),
    "no proprioception": replace(
        _WHOLE, agent=replace(_WHOLE.agent, actor_sensors=MODES["pixels-no-proprio"])
    ),
    # of 32 x 32 pixels its strides would leave nothing
    "nature, 64 x 64 pixels": replace(
        _with_encoder(kind="nature"),
        pixels=replace(_WHOLE.pixels, height=64, width=64),
    ),
    "flatten": _with_encoder(head="flatten"),
    "random shifts": _seeing(lambda s: replace(s, augment="shift")),
    "uniform sampling": replace(
        _WHOLE, replay=replace(_WHOLE.replay, sampling=SamplingCfg(moving_share=0.0))
    ),
    "no teacher": _ALONE,
    "no teacher, critics see pixels": replace(
        _ALONE,
        agent=replace(
            _ALONE.agent,
            critic_sensors=MODES["pixels"],
            vision=replace(_ALONE.agent.vision, encoder_gradient="critic"),
        ),
    ),
}
"""Configurations with one change, by name."""


def measure(
    run: tuple[str, int], env_steps: int, threads: int, keep: Path | None
) -> list[TableRow]:
    """Train one change with one seed; return its evaluations."""
    torch.set_num_threads(threads)
    change, seed = run
    cfg = replace(
        CHANGES[change],
        seed=seed,
        sim=replace(CHANGES[change].sim, num_threads=threads),
        budget=BudgetCfg(env_steps=env_steps),
        eval=EvalCfg(20_000, EPISODES, FINAL_EPISODES),
    )
    made = trial(cfg, keep)
    print(
        f"{change}, seed {seed}: {made.manifest['result']['success']:.3f}", flush=True
    )
    return [
        {
            "change": change,
            "seed": seed,
            "env_steps": row["env_steps"],
            "updates": row["updates"],
            "success": row["eval/success"],
            "final_success": made.manifest["result"]["success"],
        }
        for row in made.evaluations
    ]


def main() -> None:
    """Train every change, ``--jobs`` at a time, and write one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--env-steps", type=int, default=200_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    parser.add_argument(
        "--keep", type=Path, help="keep the runs here, without snapshots"
    )
    args = parser.parse_args()

    runs = [(change, seed) for seed in range(args.seeds) for change in args.changes]
    threads = max(1, (os.cpu_count() or 1) // args.jobs)
    train = partial(measure, env_steps=args.env_steps, threads=threads, keep=args.keep)
    about = manifest(
        episodes=FINAL_EPISODES,
        env_steps=args.env_steps,
        config_hashes={name: config_hash(CHANGES[name]) for name in args.changes},
    )
    for name in args.changes:
        admit(CHANGES[name])  # before hours are spent on the others
    rows: list[TableRow] = []
    with ProcessPoolExecutor(args.jobs, get_context("spawn")) as pool:
        for more in pool.map(train, runs):
            rows += more
            write_table(TABLE, rows, about)  # after each: an interrupted series counts


if __name__ == "__main__":
    main()

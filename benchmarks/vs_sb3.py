"""Compare the time to 95 % and 99 % success with Stable-Baselines3's SAC + HER.

python benchmarks/vs_sb3.py reach    SB3 learns Reach -> results/sb3_reach.csv
python benchmarks/vs_sb3.py push     SB3's rate on Push, 60 s -> results/sb3_push_rate.csv
python benchmarks/vs_sb3.py table    both engines -> results/vs_sb3.csv

SB3 steps our environment, which is faster than gymnasium-robotics' (results/sim.csv). Push
would take hours, so its time is extrapolated: the steps that a published run needed,
divided by the rate measured here. That run (TQC + HER
of rl-baselines3-zoo, one seed, one update per step, read off the raw monitor logs in
rl-trained-agents) used batch 2048 and 3 x 512; the rate is measured with batch 256 and
3 x 256, several times cheaper: the extrapolation flatters SB3.

Our rows come from results/learning.csv: preset, seed, train_s, env_steps, updates,
success; one row per evaluation.
"""

import math
import statistics
import sys
import time
from pathlib import Path

import gymnasium
import numpy as np
from stable_baselines3 import SAC, HerReplayBuffer

import puckrl.interop.gym
from puckrl.interop.gym import PuckVectorEnv
from puckrl.report.tables import TableRow, manifest, read_table, times_to, write_table

RESULTS = Path("results")
OURS, REACH = RESULTS / "learning.csv", RESULTS / "sb3_reach.csv"
RATE, TABLE = RESULTS / "sb3_push_rate.csv", RESULTS / "vs_sb3.csv"
LEVELS = (0.95, 0.99)
PUBLISHED_PUSH_STEPS = {0.95: 254_000, 0.99: 349_000}
SETTINGS = {
    "learning_starts": 1000,
    "batch_size": 256,
    "gamma": 0.95,
    "tau": 0.05,
    "learning_rate": 1e-3,
    "policy_kwargs": {"net_arch": [256, 256, 256]},
}
EVALUATE_EVERY, EPISODES, MOST_STEPS = 500, 200, 10_000

gymnasium.register_envs(puckrl.interop.gym)


def sac_her(env_id: str, seed: int) -> SAC:
    """Return SB3's learner with the best settings we know for it."""
    return SAC(
        "MultiInputPolicy",
        gymnasium.make(env_id),
        replay_buffer_class=HerReplayBuffer,
        seed=seed,
        **SETTINGS,  # pyright: ignore[reportArgumentType]
    )


def evaluate(model: SAC, task: str) -> float:
    """Return the success at the last step of deterministic episodes."""
    envs = PuckVectorEnv(EPISODES, task)
    obs, _ = envs.reset(seed=1)
    info = {}
    while "final_info" not in info:
        action, _ = model.predict(obs, deterministic=True)
        obs, _, _, _, info = envs.step(action)
    return float(np.mean(info["final_info"]["is_success"]))


def learn_reach(seed: int = 0) -> None:
    """Train SB3 until two evaluations reach 99 %; evaluation is not timed."""
    model, rows, train_s = sac_her("puck/FetchReach-v4", seed), [], 0.0
    while sum(row["success"] >= LEVELS[-1] for row in rows) < 2:
        start = time.perf_counter()
        model.learn(EVALUATE_EVERY, reset_num_timesteps=False)
        train_s += time.perf_counter() - start
        rows.append(
            {
                "preset": "reach",
                "seed": seed,
                "train_s": round(train_s, 2),
                "env_steps": model.num_timesteps,
                "updates": model._n_updates,
                "success": evaluate(model, "reach"),
            }
        )
        print(rows[-1], flush=True)
        if model.num_timesteps >= MOST_STEPS:
            break
    write_table(REACH, rows, manifest(sac=SETTINGS, episodes=EPISODES))


def measure_push(seconds: float = 60.0) -> None:
    """Measure SB3's steps per second on Push at one update per step, once it learns."""
    model = sac_her("puck/FetchPush-v4", seed=0)
    model.learn(SETTINGS["learning_starts"] + 200)
    steps, start = model.num_timesteps, time.perf_counter()
    while time.perf_counter() - start < seconds:
        model.learn(200, reset_num_timesteps=False)
    took = time.perf_counter() - start
    steps = model.num_timesteps - steps
    row: TableRow = {
        "steps": steps,
        "took_s": round(took, 2),
        "steps_per_s": steps / took,
    }
    print(row)
    write_table(RATE, [row], manifest(sac=SETTINGS))


def table() -> None:
    """Write the rows of both engines, both tasks, both levels."""
    ours, reach = read_table(OURS), read_table(REACH)
    rate = float(read_table(RATE)[0]["steps_per_s"])
    rows: list[TableRow] = []
    for level in LEVELS:
        theirs = {
            "reach": (times_to(reach, "reach", level), "measured"),
            "push": (
                [PUBLISHED_PUSH_STEPS[level] / rate],
                f"extrapolated: {PUBLISHED_PUSH_STEPS[level]} published steps "
                f"at the measured {rate:.0f}/s",
            ),
        }
        for preset, (sb3, how) in theirs.items():
            mine = times_to(ours, preset, level)
            rows.append(line(preset, level, "puckrl", mine, "measured"))
            rows.append(line(preset, level, "SB3 SAC + HER", sb3, how))
    print(*rows, sep="\n")
    write_table(TABLE, rows, manifest())


def line(
    preset: str, level: float, engine: str, times: list[float], how: str
) -> TableRow:
    """Return one row: the median over seeds, inf if most never got there."""
    return {
        "preset": preset,
        "success": level,
        "engine": engine,
        "median_s": round(statistics.median(times), 1) if times else math.nan,
        "seeds": len(times),
        "how": how,
    }


if __name__ == "__main__":
    parts = {"reach": learn_reach, "push": measure_push, "table": table}
    chosen = sys.argv[1] if len(sys.argv) == 2 else ""
    if chosen not in parts:
        sys.exit(f"say which part: {', '.join(parts)}")
    parts[chosen]()

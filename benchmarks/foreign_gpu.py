"""Measure environments of mjlab and Isaac Lab on one device -> results/foreign_*.csv.

    python benchmarks/foreign_gpu.py sweep isaaclab:Isaac-Cartpole-Direct --usd cartpole.usda
    python benchmarks/foreign_gpu.py overhead mjlab:Mjlab-Lift-Cube-Yam
    python benchmarks/foreign_gpu.py train mjlab:Mjlab-Lift-Cube-Yam --until 0.9 --limit-s 300
    python benchmarks/foreign_gpu.py ppo Mjlab-Lift-Cube-Yam --until 0.9 --limit-s 300

``sweep``     steps/s of the adapter by the number of worlds: a process each
``overhead``  the same loop around the bare environment, and around the adapter, in turn
``train``     the whole command ``puck train``, and when its judge first saw the success
``ppo``       mjlab's own PPO and configuration until its episodes of training succeed; then
              its deterministic policy is judged as ours is

Success is that a command was met in the episode: the cube within 5 cm of its goal once. In
foreign_curves.csv the column ``training_success`` is what the library logs, which forgets
that where a command is drawn again within an episode.

Run it where the library is installed: docs/foreign.md. Every process has a time limit, and
rows are written as they come, so an interrupted session loses nothing but its last row.
"""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.foreign import id_of, library_of
from puckrl.report.rows import read_rows
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.runner.foreign_worlds import make_foreign

WORLDS = (1, 16, 64, 256, 1024, 4096)
LOOPS = ("bare", "bare, final observations", "adapter")
DEVICE = "cuda:0" if torch.cuda.is_available() else "cpu"


def append(table: Path, rows: Sequence[TableRow]) -> None:
    """Add rows to a table, and write its manifest anew."""
    before = list(csv.DictReader(table.open())) if table.exists() else []
    write_table(table, [*before, *rows], manifest(torch.device(DEVICE)))
    for row in rows:
        print(row, flush=True)


def child(args: argparse.Namespace, mode: str, **options: object) -> dict[str, Any]:
    """Run this file in another process; return the JSON of its last line, or an error."""
    argv = [sys.executable, __file__, mode, args.task, "--child"]
    argv += [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    argv += [f"--usd={args.usd}"] if args.usd else []
    began = time.perf_counter()
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=args.limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"over its limit of {args.limit_s:g} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        print(done.stdout[-500:], done.stderr[-2000:], file=sys.stderr)
        return {"error": f"exit code {done.returncode}"}
    return {**json.loads(lines[-1]), "process_s": time.perf_counter() - began}


def configuration(task: str, usd: str, worlds: int, seed: int = 0) -> RunCfg:
    """Return the recipe of a task with local assets and a number of worlds."""
    changes: dict[str, Any] = {"sim.num_worlds": worlds, "seed": seed, "device": DEVICE}
    if usd:
        changes["isaac.usd"] = (usd,)
    return preset(task).with_(**changes)


def synchronize() -> None:
    """Wait for the device."""
    if DEVICE.startswith("cuda"):
        torch.cuda.synchronize()


def rate(step: Callable[[], object], seconds: float, warm_up: int = 20) -> float:
    """Return the calls per second of a function, after some that are not counted."""
    for _ in range(warm_up):
        step()
    synchronize()
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(10):
            step()
        calls += 10
        synchronize()
    return calls / (time.perf_counter() - began)


# -- sweep --------------------------------------------------------------------


def sweep(args: argparse.Namespace) -> None:
    """Measure each number of worlds in a process of its own."""
    if args.child:
        print(json.dumps(speed(args)), flush=True)
        os._exit(0)  # some libraries do not come back from their end
    for worlds in args.worlds:
        found = child(args, "sweep", worlds=worlds, seconds=args.seconds)
        row = {
            "task": args.task,
            "device": DEVICE.partition(":")[0],
            "worlds": worlds,
            "make_s": round(found.get("make_s", math.nan), 1),
            "control_steps_per_s": round(found.get("rate", math.nan), 1),
            "env_steps_per_s": round(found.get("rate", math.nan) * worlds, 1),
            "process_s": round(found.get("process_s", math.nan), 1),
            "error": found.get("error", ""),
        }
        append(args.out / "foreign_worlds.csv", [row])


def speed(args: argparse.Namespace) -> dict[str, float]:
    """Return the control steps per second of one environment under random actions."""
    (count,) = args.worlds
    began = time.perf_counter()
    cfg = configuration(args.task, args.usd, count)
    with closing(make_foreign(cfg, count, 0)) as worlds:
        make_s = time.perf_counter() - began
        shape = (count, worlds.spaces.action_dim)

        def step() -> None:
            worlds.step(2 * torch.rand(shape, device=worlds.device) - 1)

        return {"make_s": make_s, "rate": rate(step, args.seconds)}


# -- overhead -----------------------------------------------------------------


def overhead(args: argparse.Namespace) -> None:
    """Measure the bare environment and the adapter in turn, a process each."""
    if args.child:
        print(json.dumps({"rate": _loop_rate(args)}), flush=True)
        os._exit(0)
    for turn in range(args.turns):
        for loop in LOOPS:
            (worlds,) = args.worlds[:1]
            options = {"worlds": worlds, "loop": loop, "seconds": args.seconds}
            found = child(args, "overhead", **options)
            row = {
                "task": args.task,
                "device": DEVICE.partition(":")[0],
                "worlds": worlds,
                "loop": loop,
                "turn": turn,
                "control_steps_per_s": round(found.get("rate", math.nan), 2),
                "error": found.get("error", ""),
            }
            append(args.out / "foreign_overhead.csv", [row])


def _loop_rate(args: argparse.Namespace) -> float:
    """Return the control steps per second of one kind of loop."""
    (count,) = args.worlds
    if args.loop == "adapter":
        return speed(args)["rate"]
    worlds: Any = make_foreign(configuration(args.task, args.usd, count), count, 0)
    env = worlds.source.env
    final = args.loop != "bare"
    mjlab = library_of(args.task) == "mjlab"
    if mjlab:
        env.cfg.auto_reset = not final
    else:
        env.cfg.compute_final_obs = final
    worlds.reset()
    low, high = worlds._low, worlds._high

    def step() -> None:
        unit = torch.rand(count, len(low), device=worlds.device)
        _, _, ended, cut, _ = env.step(low + unit * (high - low))
        if mjlab and final and len(over := (ended | cut).nonzero()[:, 0]):
            env.reset(env_ids=over)

    return rate(step, args.seconds)


# -- train --------------------------------------------------------------------


def train(args: argparse.Namespace) -> None:
    """Run the whole command ``puck train`` and write its evaluations."""
    out = Path(tempfile.mkdtemp()) / "run"
    argv = [
        sys.executable,
        "-m",
        "puckrl",
        "train",
        args.task,
        "--seed",
        str(args.seed),
    ]
    argv += ["--out", str(out), "--save.no-video", "--save.no-replay", "--profile"]
    argv += ["--save.every-s", "0"]
    argv += ["--isaac.usd", args.usd] if args.usd else []
    argv += ["--budget.until-success", str(args.until)] if args.until else []
    argv += ["--budget.train-s", str(args.limit_s), *args.settings]
    began = time.perf_counter()
    kept = args.out / f"{id_of(args.task)}-s{args.seed}.log"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.open("w") as file:
        done = subprocess.run(
            argv,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=args.kill_s,
            check=False,
        )
    total_s = time.perf_counter() - began
    print(f"exit code {done.returncode}; {kept.read_text()[-1500:]}", flush=True)
    rows = read_rows(out / "metrics.jsonl")
    keep_rows(args.out / f"{id_of(args.task)}-s{args.seed}.jsonl", rows)
    found: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    curve = [*evaluations(args, rows, total_s)]
    if curve:
        append(args.out / "foreign_curves.csv", curve)
    clock, result = found.get("clock", {}), found.get("result", {})
    append(
        args.out / "foreign_train.csv",
        [
            {
                "learner": "puckrl",
                "task": args.task,
                "seed": args.seed,
                "total_s": round(total_s, 1),
                "reached_s": first_at(curve, args.until),
                "env_steps": clock.get("env_steps", 0),
                "updates": clock.get("updates", 0),
                "success": result.get("success"),
                "return": result.get("mean_return"),
                "stop": found.get("stop", found.get("status", "")),
            }
        ],
    )


def keep_rows(path: Path, rows: Sequence[Any]) -> None:
    """Write the log of a run beside the tables."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def evaluations(
    args: argparse.Namespace, rows: Sequence[Any], total_s: float
) -> Iterator[TableRow]:
    """Yield a row for each evaluation of our run, and for the library's own measure."""
    for row in rows:
        theirs = [row[key] for key in row if key.endswith("episode_success")]
        if "eval/return" not in row and not theirs:
            continue
        yield {
            "learner": "puckrl",
            "task": args.task,
            "seed": args.seed,
            "wall_s": round(row["wall_s"], 2),
            "env_steps": row["env_steps"],
            "success": row.get("eval/success", math.nan),
            "return": row.get("eval/return", math.nan),
            "training_success": theirs[0] if theirs else math.nan,
            "whole_command_s": round(total_s, 1),
        }


def first_at(curve: Sequence[TableRow], level: float) -> float:
    """Return the seconds of the run's clock at which its judge first saw a success rate."""
    times = [
        float(row["wall_s"])
        for row in curve
        if level and float(row["success"]) >= level  # NaN never is
    ]
    return min(times, default=math.inf)


# -- mjlab's own PPO ----------------------------------------------------------


def ppo(args: argparse.Namespace) -> None:
    """Train with mjlab's PPO as shipped; then judge its deterministic policy."""
    began = time.perf_counter()
    from puckrl.envs.foreign.mjlab import configured  # sets the library up

    env_type, env_cfg = configured(f"mjlab:{args.task}", args.task)
    from dataclasses import asdict

    from mjlab.rl import MjlabOnPolicyRunner, RslRlVecEnvWrapper
    from mjlab.tasks.registry import load_rl_cfg, load_runner_cls

    env_cfg.scene.num_envs, env_cfg.seed = args.worlds[0], args.seed
    if args.horizon:
        step_s = env_cfg.sim.mujoco.timestep * env_cfg.decimation
        env_cfg.episode_length_s = args.horizon * step_s
    agent_cfg = load_rl_cfg(args.task)
    agent_cfg.seed = args.seed
    env = env_type(env_cfg, device=DEVICE)
    wrapped = RslRlVecEnvWrapper(env, clip_actions=agent_cfg.clip_actions)
    heard: dict[str, list[float]] = defaultdict(list)
    listen(env, heard)
    runner = (load_runner_cls(args.task) or MjlabOnPolicyRunner)(
        wrapped, asdict(agent_cfg), None, DEVICE
    )
    curve: list[TableRow] = []
    first, reached, iterations = True, math.inf, 0
    while time.perf_counter() - began < args.limit_s and not math.isfinite(reached):
        with torch.inference_mode(False):
            runner.learn(args.chunk, init_at_random_ep_len=first)
        first, iterations = False, iterations + args.chunk
        wall_s = time.perf_counter() - began
        mean, logged = (
            sum(values) / len(values)
            for values in (
                heard.pop(name, [math.nan]) for name in ("success", "logged")
            )
        )
        reached = wall_s if args.until and mean >= args.until else math.inf
        curve.append(
            {
                "learner": "ppo",
                "task": f"mjlab:{args.task}",
                "seed": args.seed,
                "wall_s": round(wall_s, 2),
                "env_steps": iterations * agent_cfg.num_steps_per_env * args.worlds[0],
                "success": round(mean, 4),
                "return": math.nan,
                "training_success": round(logged, 4),
                "whole_command_s": math.nan,
            }
        )
        print(curve[-1], flush=True)
    total_s = time.perf_counter() - began
    judged = judge_ppo(runner, wrapped, env)
    if curve:
        append(args.out / "foreign_curves.csv", curve)
    row = {
        "learner": "ppo",
        "task": f"mjlab:{args.task}",
        "seed": args.seed,
        "total_s": round(total_s, 1),
        "reached_s": round(reached, 1),
        "env_steps": curve[-1]["env_steps"] if curve else 0,
        "updates": iterations * 20,  # 5 epochs of 4 mini-batches
        "success": round(judged, 4),
        "return": math.nan,
        "stop": "success" if math.isfinite(reached) else "limit",
    }
    append(args.out / "foreign_train.csv", [row])
    os._exit(0)


def listen(env: Any, heard: dict[str, list[float]]) -> None:
    """Keep whether each episode that ends had met a command, and what the library logs."""
    step = env.step
    metrics = env.command_manager.get_term(env.command_manager.active_terms[0]).metrics
    won = torch.zeros(env.num_envs, dtype=torch.bool, device=DEVICE)

    def listened(action: Any) -> Any:
        won.logical_or_(metrics["episode_success"] > 0.5)  # before a reset forgets it
        found = step(action)
        over = found[2] | found[3]
        won.logical_or_((metrics["episode_success"] > 0.5) & ~over)
        if bool(over.any()):
            heard["success"] += won[over].tolist()
            logged = found[4].get("log", {})
            theirs = [x for name, x in logged.items() if name.endswith("_success")]
            heard["logged"] += [float(x) for x in theirs] * int(over.sum())
            won.logical_and_(~over)
        return found

    env.step = listened


@torch.inference_mode()  # as its training, whose tensors the environment keeps
def judge_ppo(runner: Any, wrapped: Any, env: Any) -> float:
    """Return the success of the deterministic policy over an episode of every world."""
    policy = runner.get_inference_policy(device=DEVICE)
    metrics = env.command_manager.get_term(env.command_manager.active_terms[0]).metrics
    env.reset()
    obs = wrapped.get_observations()
    alive = torch.ones(env.num_envs, dtype=torch.bool, device=DEVICE)
    won = torch.zeros_like(alive)
    for _ in range(env.max_episode_length):
        obs, _, done, _ = wrapped.step(policy(obs))
        alive &= ~done.bool()
        won |= alive & (metrics["episode_success"] > 0.5)
    return float(won.float().mean())


def main() -> None:
    """Measure what is asked for."""
    modes = {"sweep": sweep, "overhead": overhead, "train": train, "ppo": ppo}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mode", choices=modes)
    parser.add_argument("task")
    parser.add_argument("--usd", default="", help="local USD file of the robot")
    parser.add_argument("--worlds", type=int, nargs="+", default=list(WORLDS))
    parser.add_argument("--seconds", type=float, default=5.0, help="measured time")
    parser.add_argument("--limit-s", type=float, default=120.0, help="of a process")
    parser.add_argument("--kill-s", type=float, default=580.0, help="end a run hard")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--loop", choices=LOOPS, default="adapter")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--until", type=float, default=0.0, help="success that ends it")
    parser.add_argument("--chunk", type=int, default=10, help="iterations of PPO")
    parser.add_argument("--horizon", type=int, default=0, help="of PPO, to try it")
    parser.add_argument("--settings", nargs=argparse.REMAINDER, default=[])
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    modes[args.mode](args)


if __name__ == "__main__":
    main()

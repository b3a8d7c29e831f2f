"""Measure an environment that is not ours: steps per second, and the seconds of an update.

Libraries that step thousands of worlds are measured in a process for each number of worlds:
a process has one simulation of Isaac Lab, and memory comes back with its end only.
"""

import json
import math
import os
import pickle
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import asdict, dataclass, replace

import torch

from puckrl.config.run_cfg import RunCfg, from_dict
from puckrl.config.tree import to_dict
from puckrl.core.errors import UserError
from puckrl.core.runtime import torch_threads
from puckrl.envs.foreign.worlds import ForeignWorlds
from puckrl.replay.steps import StepReplayBuffer
from puckrl.runner.build import make_agent, make_replay
from puckrl.runner.foreign_worlds import make_foreign
from puckrl.training.collect import Collector

_MEASURED_S, _UPDATES, _WARM_UP = 1.0, 5, 3
_LIMIT_S = 600.0
_TOLD = 300  # characters of an error


@dataclass(frozen=True)
class Probe:
    """What was measured with some worlds."""

    make_s: float
    """Seconds to make them, and to compile what they need."""
    steps_per_s: float
    """Env steps per second under random actions, all worlds together."""
    update_s: float
    """Seconds of an uncompiled update; NaN: not measured."""


def probe(cfg: RunCfg, worlds: int, *, updates: bool) -> Probe:
    """Measure in this process.

    Raises:
        UserError: if the environment cannot be made or stepped.
    """
    began = time.perf_counter()
    with closing(make_foreign(cfg, worlds, cfg.seed)) as env:
        make_s = time.perf_counter() - began
        steps_per_s = _steps_per_s(env)
        update_s = _update_s(cfg, env) if updates else math.nan
    return Probe(make_s, steps_per_s, update_s)


def probe_apart(cfg: RunCfg, worlds: int, *, updates: bool) -> Probe | str:
    """Measure in a process of its own; return why it failed if it did."""
    message = pickle.dumps((to_dict(cfg), worlds, updates))
    call = "from puckrl.runner.foreign_probe import main; main()"
    modules = os.pathsep.join(filter(None, [*sys.path, os.getcwd()]))
    try:
        done = subprocess.run(
            [sys.executable, "-c", call],
            input=message,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
            env=os.environ | {"PYTHONPATH": modules},
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_LIMIT_S:g} s"
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return (lines or [f"exit code {done.returncode}"])[-1][:_TOLD]
    return Probe(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Answer the process that started this one, and leave without the library's end."""
    tree, worlds, updates = pickle.load(sys.stdin.buffer)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    try:
        found = probe(from_dict(tree), worlds, updates=updates)
    except UserError as error:
        sys.stderr.write(f"\n{error}\n")
        sys.stderr.flush()
        os._exit(1)
    answer.write(json.dumps(asdict(found)) + "\n")
    answer.flush()
    os._exit(0)


def _steps_per_s(env: ForeignWorlds) -> float:
    """Return env steps per second under random actions."""
    rng = torch.Generator().manual_seed(0)
    shape = (env.num_worlds, env.spaces.action_dim)
    env.reset()
    steps, calls, began = 0, 0, time.perf_counter()
    while calls < _WARM_UP or time.perf_counter() - began < _MEASURED_S:
        env.step(2 * torch.rand(shape, generator=rng) - 1)
        calls += 1
        if calls == _WARM_UP:  # the first calls may compile
            _wait(env)
            began = time.perf_counter()
        steps += env.num_worlds * (calls > _WARM_UP)
    _wait(env)
    return max(steps, env.num_worlds) / (time.perf_counter() - began)


def _wait(env: ForeignWorlds) -> None:
    """Wait for the device of the worlds."""
    if env.device.type == "cuda":
        torch.cuda.synchronize(env.device)


def _update_s(cfg: RunCfg, env: ForeignWorlds) -> float:
    """Return the seconds of an uncompiled update, on the device of the worlds."""
    device = env.device
    small = max(env.spaces.horizon, cfg.replay.n_step + 1)
    cfg = replace(cfg, replay=replace(cfg.replay, capacity=small * env.num_worlds))
    agent = make_agent(cfg, env.spaces, device, None)
    replay = make_replay(cfg, env, device)
    with torch_threads(1):
        steps = 10 if isinstance(replay, StepReplayBuffer) else env.spaces.horizon
        Collector(env, replay).collect(agent.behavior, steps)
    if not replay.added:
        raise UserError(f"{cfg.task}: no episode ended within its horizon")
    batch = replay.sample(agent.batch_spec, torch.Generator(device).manual_seed(0))
    took: list[float] = []
    for _ in range(_UPDATES):
        _wait(env)
        began = time.perf_counter()
        agent.update(batch)
        _wait(env)
        took.append(time.perf_counter() - began)
    return min(took) / agent.updates_per_round

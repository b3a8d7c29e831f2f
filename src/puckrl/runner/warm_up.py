"""Compile ahead of time what a run compiles first: `puck warm-up`."""

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from puckrl.config.run_cfg import RunCfg
from puckrl.core.foreign import library_of
from puckrl.core.runtime import torch_threads
from puckrl.core.words import duration
from puckrl.envs.goal_env import GoalEnv
from puckrl.report.video import record
from puckrl.runner.build import Parts, build
from puckrl.runner.caches import State, caches_of, kept_code
from puckrl.runner.plan import admit
from puckrl.runner.worlds import make_eval_env

_SMALL = (16, 16)  # pixels of a film for its kernels alone


@dataclass(frozen=True)
class WarmUp:
    """What a warm-up has done."""

    preset: str
    """Name of the preset."""
    before: State
    """What was there before."""
    took_s: float
    """Seconds of compiling, or of finding that all is there."""


def warm_up(cfg: RunCfg) -> WarmUp:
    """Compile what a run of this configuration compiles, and keep it for later runs.

    Makes the objects of the run with a small replay buffer, plays one episode in every world
    and makes a few updates. Graphs and kernels depend on the sizes of batches, networks and
    worlds, never on the size of the buffer.

    Raises:
        UserError: if the configuration is refused, or does not compile.
    """
    admit(cfg)
    caches, began = caches_of(cfg), time.perf_counter()
    before = caches.state()
    if before == "nothing":
        return WarmUp(cfg.preset, before, 0.0)
    with kept_code(cfg):
        _compile(cfg)
    took_s = time.perf_counter() - began
    if before != "warm":
        caches.note_cost(took_s)
    return WarmUp(cfg.preset, before, took_s)


def _compile(cfg: RunCfg) -> None:
    """Run each part of a run once."""
    with closing(build(_reduced(cfg))) as parts:
        with torch_threads(1):
            while parts.learner.warming_up:
                steps = parts.env.spaces.horizon
                parts.collector.collect(parts.learner.behavior, steps)
        # CUDA graphs are recorded at the second round
        learn(parts, 2 * parts.agent.updates_per_round)
        if cfg.save.video:
            _film(cfg, parts)


def _reduced(cfg: RunCfg) -> RunCfg:
    """Return the run with a small replay buffer, which learns after the first episodes."""
    if library_of(cfg.task):  # episodes of any length
        replay = cfg.replay
    else:
        few = min(cfg.replay.capacity, 200 * cfg.sim.num_worlds)
        replay = replace(cfg.replay, capacity=few)
    loop = replace(cfg.loop, warm_up_episodes=1)
    judge = replace(cfg.eval, judge="in-turn")
    return replace(cfg, replay=replay, loop=loop, eval=judge)


def _film(cfg: RunCfg, parts: Parts) -> None:
    """Film a small episode, whose kernels are those of the run's film."""
    env = make_eval_env(cfg, 1, cfg.seed, draws=True)
    with closing(env), tempfile.TemporaryDirectory() as folder:
        if not isinstance(env, GoalEnv):  # it draws itself
            return
        film = Path(folder) / "film.gif"
        policy = parts.agent.averaged
        record(env, policy, film, episodes=1, size=_SMALL, keypoints=policy.keypoints)


def learn(parts: Parts, least_updates: int) -> int:
    """Make at least ``least_updates`` updates and return their number."""
    learner = parts.learner
    learner.earn(math.ceil(least_updates / learner.ratio.ratio))
    rounds = learner.pending()
    rounds.run(rounds.left)
    rounds.means()  # waits for them on CUDA
    return rounds.updates


def warm_up_each(presets: Sequence[str]) -> int:
    """Warm each preset up in a process of its own; return the first exit code that is not 0.

    Code that a process holds in memory is not written again, for another preset either.
    """
    codes = [
        subprocess.run([sys.executable, "-m", "puckrl", "warm-up", name], check=False)
        for name in presets
    ]
    return next((done.returncode for done in codes if done.returncode), 0)


def render(done: WarmUp) -> str:
    """Return what was done as a line."""
    took = "" if done.before == "nothing" else f" ({duration(done.took_s)})"
    return f"{done.preset}: {_WORDS[done.before]}{took}"


_WORDS: dict[State, str] = {
    "nothing": "nothing to warm up; this run compiles nothing on this machine",
    "cold": "compiled now",
    "warm": "was warm",
    "damaged": "was damaged, compiled again",
}

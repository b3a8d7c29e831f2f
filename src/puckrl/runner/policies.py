"""Evaluation and videos of trained policies, and policies that only code can rebuild."""

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.rebuild import copy_policy
from puckrl.agents.trained import Policy
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.core.foreign import library_of
from puckrl.core.runtime import pick_device, torch_threads
from puckrl.core.spec import PolicySpec
from puckrl.envs.foreign.worlds import ForeignWorlds
from puckrl.envs.goal_env import GoalEnv
from puckrl.report.video import record, record_drawn
from puckrl.runner import run_folder
from puckrl.runner.build import Parts
from puckrl.runner.contract import make_spec, spec_of
from puckrl.runner.kept_task import task_to_play
from puckrl.runner.pictured import (
    Pictured,
    images_of,
    judge_picture,
    save_pictures,
    show_picture,
)
from puckrl.runner.plugins import with_copies
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.snapshot import trained_agent
from puckrl.runner.versions import tell_other_versions
from puckrl.runner.worlds import (
    EVAL_WORLDS,
    RunWorlds,
    goal_space,
    make_eval_env,
    pixel_space,
)
from puckrl.tasks.catalog import make_task
from puckrl.training.judge import Evaluation, evaluate

log = logging.getLogger(__name__)

_FILMED_WORLDS, _FILMED_WITH_VIEW = 6, 4
_TILE_PX = (320, 240)


def judge_run(
    name: str, root: Path, episodes: int, seed: int, task: str | None = None
) -> Evaluation:
    """Evaluate a run's newest policy over deterministic episodes of another seed.

    Args:
        name: the run.
        root: folder of run folders.
        episodes: minimum number of episodes.
        seed: seed of the episodes.
        task: where to judge it, see ``kept_task.task_to_play``; None: the run's task.

    Raises:
        UserError: if there is no such run, no snapshot of it, or its task is lost.
    """
    folder = run_folder.find(name, root)
    agent, env = _restore(folder, worlds_for(episodes), seed, task)
    with closing(env), torch_threads(1):
        return evaluate(env, agent.averaged, episodes)


def judge_run_on_picture(
    name: str,
    root: Path,
    picture: Path,
    episodes: int,
    seed: int,
    task: str | None = None,
) -> Pictured:
    """Evaluate a run's newest policy on a picture of a goal.

    Args:
        name: the run.
        root: folder of run folders.
        picture: PNG file.
        episodes: minimum number of episodes.
        seed: seed of the episodes' starts.
        task: as for ``judge_run``.

    Raises:
        UserError: as ``judge_run``; for a policy that takes no pictures, or a picture that
            its cameras could not have taken.
    """
    folder = run_folder.find(name, root)
    images_of(folder)  # refused before a simulation is made
    agent, env = _restore(folder, worlds_for(episodes), seed, task)
    assert isinstance(env, GoalEnv)  # foreign environments have no pictures of goals
    with closing(env), torch_threads(1):
        return judge_picture(folder, agent, env, picture, episodes)


def worlds_for(episodes: int) -> int:
    """Return a number of worlds that divides ``episodes``, unless it would be small."""
    largest = min(EVAL_WORLDS, episodes)
    candidates = range(largest, largest // 4, -1)
    return next((n for n in candidates if episodes % n == 0), largest)


def record_run(
    name: str,
    root: Path,
    output: Path | None,
    *,
    worlds: int | None,
    episodes: int,
    seed: int,
    task: str | None = None,
    picture: Path | None = None,
    save_goals: Path | None = None,
) -> Path:
    """Film a run's newest policy in ``worlds`` worlds (None: a few); return the path.

    ``task`` is as for ``judge_run``. ``picture`` is the goal of every world, a PNG file;
    ``save_goals`` is a folder for the pictures of the worlds' goals.

    Raises:
        UserError: if there is no such run, no snapshot, or the file's ending is neither
            .mp4 nor .gif.
    """
    folder = run_folder.find(name, root)
    cfg = folder.config()
    if picture is not None or save_goals is not None:
        images_of(folder)  # refused before a simulation is made
    shown = worlds or filmed_worlds(cfg)
    agent, env = _restore(folder, shown, seed, task, draws=True)
    path = output or folder.path / "policy.mp4"
    with closing(env):
        if picture is not None:
            assert isinstance(env, GoalEnv)
            show_picture(folder, env, picture)
        if save_goals is not None:
            assert isinstance(env, GoalEnv)
            env.reset()
            env.reseed(seed)
            save_pictures(folder, env, save_goals)
        return film(cfg, agent, env, path, episodes)


def filmed_worlds(cfg: RunCfg) -> int:
    """Return the number of worlds that a video shows legibly."""
    with_pixels = "pixels" in cfg.agent.actor_sensors
    return _FILMED_WITH_VIEW if with_pixels else _FILMED_WORLDS


def film(
    cfg: RunCfg, agent: ActorCritic, env: RunWorlds, path: Path, episodes: int
) -> Path:
    """Film a policy, with its pixels if it gets any; return the path."""
    if isinstance(env, ForeignWorlds):
        return record_drawn(env, agent.averaged, path, episodes=episodes)
    width, height = _TILE_PX
    if "pixels" in cfg.agent.actor_sensors:
        # a multiple of the policy's rows: its pixels become equal squares
        height = cfg.pixels.height * max(1, round(height / cfg.pixels.height))
        height += height % 2
    return record(
        env,
        agent.averaged,
        path,
        episodes=episodes,
        size=(width, height),
        keypoints=agent.averaged.keypoints,
    )


def _restore(
    folder: RunFolder,
    worlds: int,
    seed: int,
    task: str | None,
    *,
    draws: bool = False,
) -> tuple[ActorCritic, RunWorlds]:
    """Return a run's newest agent, and worlds to evaluate it in, on the CPU."""
    refuse_without_snapshot(folder)
    tell_other_versions(folder)
    cfg = replace(folder.config(), task=task_to_play(folder, task))
    env = make_eval_env(cfg, worlds, seed, draws=draws)
    return trained_agent(folder, cfg, env.spaces, pick_device("cpu")), env


def policy_from_code(
    folder: RunFolder, snapshot: int | None, device: torch.device, seed: int
) -> Policy:
    """Return a run's policy and its contract, rebuilt from the code of task and agent.

    Raises:
        UserError: if its task is lost, or no snapshot can be used.
    """
    refuse_without_snapshot(folder)
    cfg = folder.config()
    if library_of(cfg.task):
        with closing(make_eval_env(cfg, 1, seed)) as env:
            agent = trained_agent(folder, cfg, env.spaces, device, snapshot)
            return Policy(spec_of(cfg, env, agent), copy_policy(agent, seed))
    task = make_task(task_to_play(folder), cfg.reward, cfg.params)
    spaces = replace(
        task.spaces, pixels=pixel_space(cfg.pixels), goal_image=goal_space(cfg.pixels)
    )
    agent = trained_agent(folder, cfg, spaces, device, snapshot)
    spec = make_spec(with_copies(folder, cfg), task, spaces, agent)
    return Policy(spec, copy_policy(agent, seed))


def live_policy(spec: PolicySpec, parts: Parts) -> Callable[[], Policy]:
    """Return what copies the judged policy of a run that trains, as it is when called."""

    def copied() -> Policy:
        if parts.device.type == "cuda":  # updates may run on another stream
            torch.cuda.synchronize(parts.device)
        return Policy(spec, copy_policy(parts.agent))

    return copied


def refuse_without_snapshot(folder: RunFolder) -> None:
    """Raise ``UserError`` if a run has no snapshot yet; say why, and what to do."""
    if any(folder.checkpoints.glob("snapshot-*.json")):
        return
    if folder.is_running():
        raise UserError(
            f"{folder.path} is running and has no snapshot yet; wait for its first: "
            f"every {folder.config().save.every_s:g} s of training (--save.every-s)"
        )
    status = folder.manifest().get("status", "starting")
    killed = status in ("starting", "running")
    ended = "killed" if killed else status.partition(":")[0]
    raise UserError(
        f"{folder.path} has no snapshot ({ended} before its first one), so there is no "
        f"policy; continue it: puck train --resume {folder.path}"
    )

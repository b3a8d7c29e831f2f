"""Make a data set: play a run's policy or a task's script, and write what succeeds."""

import importlib.util
import logging
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from puckrl.agents.scripted import Scripted
from puckrl.config.bounds import check_bounds
from puckrl.config.run_cfg import RunCfg, SimCfg
from puckrl.core.errors import UserError, unknown
from puckrl.core.foreign import library_of
from puckrl.core.intervals import Interval, wilson_interval
from puckrl.core.policy import Policy
from puckrl.core.runtime import torch_threads
from puckrl.dataset.about import About, describe
from puckrl.dataset.episodes import Episode, rounds
from puckrl.dataset.lerobot import LerobotWriter
from puckrl.dataset.settings import DatasetCfg
from puckrl.envs.goal_env import GoalEnv
from puckrl.runner import run_folder
from puckrl.runner.contract import described
from puckrl.runner.kept_task import task_to_play
from puckrl.runner.load import load_policy
from puckrl.runner.output_folder import check_target
from puckrl.runner.policies import refuse_without_snapshot
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.worlds import make_env, make_eval_env
from puckrl.training.judge import outcomes

log = logging.getLogger(__name__)

_HOPELESS = 256  # episodes without a success, after which nobody waits for one


class Writer(Protocol):
    """Writes rounds of episodes; what is written is valid at any moment."""

    episodes: int
    off: float

    def write(self, episodes: list[Episode]) -> None:
        """Add episodes."""
        ...


@dataclass(frozen=True)
class Made:
    """What came of it."""

    path: Path
    """The folder."""
    episodes: int
    """Episodes written."""
    played: int
    """Episodes played for them."""
    success: Interval
    """Wilson 95 % interval of success in the episodes played."""
    rate: float
    """Success in the episodes played."""
    undisturbed: float | None
    """Success of as many worlds without noise; None: there was no noise."""
    off: float
    """Mean deviation of images, of 0 to 255; 0: they are exact."""
    took_s: float
    """Seconds to play and write."""


def dataset_of_run(
    name: str, root: Path, output: Path, cfg: DatasetCfg, task: str | None = None
) -> Made:
    """Write episodes of a run's newest policy.

    Args:
        name: the run.
        root: folder of run folders.
        output: the folder to write, empty or absent.
        cfg: what the data set holds.
        task: where to play it, see ``kept_task.task_to_play``.

    Raises:
        UserError: if there is no such run, no snapshot, no success, or the folder holds
            anything or cannot be written.
    """
    folder = run_folder.find(name, root)
    _check(output, cfg)
    refuse_without_snapshot(folder)
    policy = load_policy(folder.path)
    played = replace(folder.config(), task=task_to_play(folder, task))
    env = make_eval_env(played, min(cfg.worlds, cfg.episodes), cfg.seed)
    with closing(env):
        if not isinstance(env, GoalEnv):
            raise _foreign(played.task)
        expert = _of_run(folder, played)
        return _write(output, cfg, env, policy.acting, played.task, expert)


def dataset_of_script(task: str, output: Path, cfg: DatasetCfg) -> Made:
    """Write episodes of a task's script; see ``dataset_of_run``.

    Raises:
        UserError: also if the task has no script.
    """
    _check(output, cfg)
    if library_of(task):
        raise _foreign(task)
    worlds = min(cfg.worlds, cfg.episodes)
    env = make_env(task, SimCfg(num_worlds=worlds), seed=cfg.seed, auto_reset=False)
    with closing(env):
        if env.task.expert(env.reset()) is None:
            raise UserError(
                f"{task} has no script: define expert(obs), or give a run in its place"
            )

        def script(obs: Any) -> Any:
            return env.task.expert(obs)

        expert = {"kind": "script of the task"}
        return _write(output, cfg, env, Scripted(script), task, expert)


def _check(output: Path, cfg: DatasetCfg) -> None:
    """Refuse what cannot be made, before anything is played."""
    check_bounds(cfg, "")
    if cfg.format == "minari" and importlib.util.find_spec("minari") is None:
        raise UserError("--format minari needs Minari: pip install 'puckrl[minari]'")
    if cfg.video and not cfg.cameras:
        raise UserError("--video needs a camera; add one: --cameras side")
    if cfg.video and cfg.size % 2:
        raise UserError(f"--video needs an even --size, not {cfg.size}")
    check_target(output, "data set that may be replaced", lambda path: False)


def _foreign(task: str) -> UserError:
    return UserError(
        f"{task} is not puckrl's, so puckrl cannot place cameras in it; record it with its "
        "own library"
    )


def _of_run(folder: RunFolder, cfg: RunCfg) -> dict[str, Any]:
    """Return who acts."""
    manifest = folder.manifest()
    return {
        "kind": "run",
        "run": folder.path.name,
        "preset": Path(cfg.preset).name,
        "revision": manifest.get("git", {}).get("revision", "unknown"),
        "success when it ended": (manifest.get("result") or {}).get("success"),
    }


def _write(
    output: Path,
    cfg: DatasetCfg,
    env: GoalEnv,
    policy: Policy,
    task: str,
    expert: dict[str, Any],
) -> Made:
    """Play and write until there are enough episodes."""
    unknown_cameras = [
        one for one in cfg.cameras if one not in (*env.task.viewpoints, "free")
    ]
    if unknown_cameras:
        legal = (*env.task.viewpoints, "free")
        raise unknown("camera", unknown_cameras[0], legal)
    begun_s = time.monotonic()
    undisturbed = None
    if cfg.noise:
        with torch_threads(1):
            env.reseed(cfg.seed)
            won, _ = outcomes(env, policy, env.num_worlds)
        undisturbed = float(won.double().mean())
    rate_hz = 1.0 / env.control_dt_s
    shown = Path(task.rpartition(":")[0]).name + f":{task.rpartition(':')[2]}"
    name = shown if ".py:" in task else task
    about = describe(
        name, described(env.task), env.spaces, round(rate_hz, 9), expert, cfg
    )
    writer = _writer(output, about, cfg)
    played = won_count = 0
    for episodes in _taken(env, policy, cfg):
        played += len(episodes)
        wins = [one for one in episodes if one.won]
        won_count += len(wins)
        kept = episodes if cfg.failures else wins
        _save(writer, output, kept[: cfg.episodes - writer.episodes])
        if writer.episodes >= cfg.episodes:
            break
        if played >= _HOPELESS and not writer.episodes:
            raise UserError(
                f"none of {played} episodes succeeded; train longer, lower --noise, or "
                "keep failures too: --all"
            )
        log.info("%d of %d episodes", writer.episodes, cfg.episodes)
    return Made(
        path=output,
        episodes=writer.episodes,
        played=played,
        success=wilson_interval(won_count, played),
        rate=won_count / played,
        undisturbed=undisturbed,
        off=writer.off,
        took_s=time.monotonic() - begun_s,
    )


def _taken(env: GoalEnv, policy: Policy, cfg: DatasetCfg) -> Iterator[list[Episode]]:
    """Yield rounds of episodes; the cameras are closed at the end."""
    with closing(rounds(env, policy, cfg)) as playing:  # pyright: ignore[reportArgumentType]
        yield from playing


def _save(writer: Writer, output: Path, episodes: list[Episode]) -> None:
    """Write a round.

    Raises:
        UserError: if the disk is full; says what is there.
    """
    try:
        writer.write(episodes)
    except OSError as error:
        left = f"it holds {writer.episodes} episodes, a valid data set"
        raise UserError(
            f"cannot write {output}: {error.strerror or error}; "
            f"{left if writer.episodes else 'it holds nothing'}"
        ) from error


def _writer(output: Path, about: About, cfg: DatasetCfg) -> Writer:
    """Return the writer of a format."""
    if cfg.format == "lerobot":
        return LerobotWriter(output, about, cfg)
    from puckrl.dataset.minari import MinariWriter

    return MinariWriter(output, about, cfg)


def told(made: Made) -> list[tuple[str, str]]:
    """Return rows of what came of it, for people."""
    rows = [
        ("episodes", f"{made.episodes} of {made.played} played"),
        (
            "success",
            f"{made.rate:.3f} [{made.success.low:.3f}, {made.success.high:.3f}]",
        ),
    ]
    if made.undisturbed is not None:
        rows.append(("success without noise", f"{made.undisturbed:.3f}"))
    exact = "exact" if not made.off else f"off by {made.off:.2f} of 255 on average"
    return [*rows, ("images", exact), ("took", f"{made.took_s:.0f} s")]

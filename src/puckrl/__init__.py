"""Train robot manipulation policies from sparse rewards, and know whether the run works.

cfg = puckrl.preset("push").with_(**{"agent.gamma": 0.98})
run = puckrl.train(cfg)                        a Run: rows, card, verdict, snapshots
policy = puckrl.load(run.path)                 a Policy, which needs no simulator
action = policy.act(obs)                       numpy or torch, one observation or a batch
puckrl.export(run.path)                        a folder for a robot without torch
env = puckrl.make("push", num_worlds=64)       a batched goal environment

Importing puckrl loads neither torch nor mujoco; each function loads what it uses.
"""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from puckrl.agents.trained import Policy
    from puckrl.config.run_cfg import PixelsCfg, RunCfg
    from puckrl.core.errors import RunFailed, UserError
    from puckrl.core.spec import PolicySpec
    from puckrl.envs.goal_env import GoalEnv
    from puckrl.runner.run import Run, SnapshotInfo
    from puckrl.runner.run_folder import RunFolder
    from puckrl.tasks.params import TaskParams
    from puckrl.tasks.task import RewardKind
    from puckrl.training.callbacks import Callback, TrainingView

__all__ = [
    "Callback",
    "GoalEnv",
    "PixelsCfg",
    "Policy",
    "PolicySpec",
    "Run",
    "RunCfg",
    "RunFailed",
    "SnapshotInfo",
    "TrainingView",
    "UserError",
    "export",
    "load",
    "make",
    "preset",
    "run",
    "train",
]

_CLASSES = {
    "Callback": "training.callbacks",
    "GoalEnv": "envs.goal_env",
    "PixelsCfg": "config.run_cfg",
    "Policy": "agents.trained",
    "PolicySpec": "core.spec",
    "Run": "runner.run",
    "RunCfg": "config.run_cfg",
    "RunFailed": "core.errors",
    "SnapshotInfo": "runner.run",
    "TrainingView": "training.callbacks",
    "UserError": "core.errors",
}
"""Where each public class is defined; it is imported when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _CLASSES:
        raise AttributeError(f"module 'puckrl' has no attribute {name!r}")
    return getattr(importlib.import_module(f"puckrl.{_CLASSES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_CLASSES})


def preset(name: str) -> "RunCfg":
    """Return the configuration of a preset.

    Args:
        name: one that ``puck list`` shows, or a task of your own,
            ``path/to/file.py:ClassName``.

    Raises:
        UserError: for an unknown name; it lists the legal ones.
    """
    from puckrl.config.presets import preset as named

    return named(name)


def train(
    cfg: "RunCfg | str",
    *,
    callbacks: "Sequence[Callback]" = (),
    runs: str | Path | None = None,
) -> "Run":
    """Train, and return the run.

    Args:
        cfg: a configuration, or the name of a preset.
        callbacks: watch the run, and may stop it.
        runs: folder in which the run's folder is made; None: PUCK_RUNS, or runs.

    Raises:
        UserError: for a configuration that is refused before anything is made.
        RunFailed: if the run stops for an outside reason, or a callback raises; its
            snapshots are kept.
    """
    from puckrl.core.threads import let_waiting_threads_sleep

    let_waiting_threads_sleep()
    from puckrl.runner import session
    from puckrl.runner.run import Run
    from puckrl.runner.runs_dir import runs_dir

    cfg = preset(cfg) if isinstance(cfg, str) else cfg
    return Run(session.start(cfg, runs_dir(runs), callbacks=callbacks).path)


def load(
    path: str | Path,
    *,
    snapshot: int | None = None,
    runs: str | Path | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> "Policy":
    """Return the trained policy of a run: the averaged weights, in float32.

    It needs torch only. The run's contract says how the network is built, so neither the
    task nor MuJoCo is imported; a run of an earlier version has no contract, and its task
    is loaded.

    Args:
        path: the run's folder, or its name under ``runs``.
        snapshot: number of a snapshot, see ``Run.snapshots``; None: the newest.
        runs: folder of run folders; None: PUCK_RUNS, or runs.
        device: auto, cpu, cuda, cuda:N.
        seed: seeds the noise of sampled actions.

    Raises:
        UserError: if there is no such run, or no snapshot that can be used.
    """
    from puckrl.runner.load import load_policy
    from puckrl.runner.run_folder import find
    from puckrl.runner.runs_dir import runs_dir

    return load_policy(find(path, runs_dir(runs)).path, snapshot, device, seed)


def export(
    path: str | Path,
    output: str | Path | None = None,
    *,
    runs: str | Path | None = None,
    task: str | None = None,
    seed: int = 10_000,
) -> Path:
    """Export the trained policy of a run to ONNX with a contract; return the folder.

    Nothing is written unless the file acts as the judged policy does, over 10,000
    observations, and succeeds as often in 512 episodes. It needs the extra ``[export]``.

    Args:
        path: the run's folder, or its name under ``runs``.
        output: the folder to write; None: ``export`` in the run's folder.
        runs: folder of run folders; None: PUCK_RUNS, or runs.
        task: where the run's task file is now; None: where it was, or the run's copy.
        seed: seed of the episodes.

    Raises:
        UserError: if there is no such run or no snapshot, if the network differs, or the
            folder holds other files or cannot be written.
    """
    from puckrl.deploy.needs import check_packages

    check_packages()
    from puckrl.deploy.export import export_run
    from puckrl.runner.runs_dir import runs_dir

    to = None if output is None else Path(output)
    return export_run(str(path), runs_dir(runs), to, task=task, seed=seed).path


def make(
    task: str,
    num_worlds: int = 1,
    *,
    reward: "RewardKind" = "sparse",
    seed: int = 0,
    num_threads: int = 0,
    pixels: "PixelsCfg | str | Sequence[str] | None" = None,
    device: str = "cpu",
    backend: Literal["cpu", "warp"] = "cpu",
    params: "TaskParams | Mapping[str, Any] | None" = None,
) -> "GoalEnv":
    """Return a batched goal environment whose worlds reset individually.

    Args:
        task: reach, push, slide, pick-place, the name of an entry point, or
            path/to/file.py:ClassName.
        num_worlds: number of worlds.
        reward: "sparse" or "dense".
        seed: determines every reset, per world and episode.
        num_threads: C threads of the physics; 0: one per core.
        pixels: viewpoints of the cameras, "side" or ("side", "wrist"), or their whole
            settings; None: no camera.
        device: where cameras render, and warp simulates: auto, cpu, cuda, cuda:N.
        backend: "cpu", MuJoCo's C engine; or "warp", mujoco_warp on ``device``.
        params: the task's own settings, whole or by name, such as
            ``{"clearance_m": 0.0005}``; None: its defaults.

    Raises:
        UserError: for an unknown task, or an argument that is not legal; it lists what is.
    """
    from puckrl.runner.worlds import make_worlds

    return make_worlds(
        task,
        num_worlds,
        reward=reward,
        seed=seed,
        num_threads=num_threads,
        pixels=pixels,
        device=device,
        backend=backend,
        params=params,
    )


def run(preset: str, root: str | Path = "runs", **changes: Any) -> "RunFolder":
    """Train a preset and return its folder: deprecated, use ``train``.

    Args:
        preset: a name that ``puck list`` shows, or path/to/file.py:ClassName.
        root: folder of run folders.
        changes: fields of ``RunCfg`` to replace, or settings by their dotted names.

    Raises:
        UserError: as ``train``.
    """
    import warnings

    warnings.warn(
        "puckrl.run is deprecated and goes with the next release; use "
        f"puckrl.train(puckrl.preset({preset!r}).with_(...), runs=...)",
        DeprecationWarning,
        stacklevel=2,
    )
    from puckrl.core.threads import let_waiting_threads_sleep

    let_waiting_threads_sleep()
    from puckrl.config.presets import preset as named
    from puckrl.runner import session

    return session.start(named(preset).with_(**changes), Path(root))

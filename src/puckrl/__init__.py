"""Train robot manipulation policies from sparse rewards, and know whether the run works.

env = puckrl.make("push", num_worlds=64)       a batched goal environment
folder = puckrl.run("push", seed=1)            a preset, from Python
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # importing puckrl costs nothing until something is made
    from puckrl.envs.goal_env import GoalEnv
    from puckrl.runner.run_folder import RunFolder
    from puckrl.tasks.task import RewardKind

__all__ = ["make", "run"]


def make(
    task: str,
    num_worlds: int = 1,
    *,
    reward: "RewardKind" = "sparse",
    seed: int = 0,
    num_threads: int = 0,
) -> "GoalEnv":
    """A batched goal environment that resets its worlds by itself.

    Args:
        task: reach, push, slide, pick-place, or path/to/file.py:ClassName.
        num_worlds: simulation copies.
        reward: "sparse" or "dense".
        seed: decides every reset, per world and episode.
        num_threads: C threads of the physics; 0: every core.

    Raises:
        UserError: for an unknown task, or an argument that is not legal; it lists what is.
    """
    from puckrl.runner.worlds import make_worlds

    return make_worlds(
        task, num_worlds, reward=reward, seed=seed, num_threads=num_threads
    )


def run(preset: str, root: str | Path = "runs", **changes: Any) -> "RunFolder":
    """Train a preset; returns its folder.

    Args:
        preset: a name that ``puck list`` shows, or path/to/file.py:ClassName.
        root: folder of run folders.
        changes: fields of ``puckrl.config.run_cfg.RunCfg`` to replace, e.g. ``seed=1``, or
            settings by their dotted names, e.g. ``**{"agent.gamma": 0.98}``.

    Raises:
        UserError: for an unknown preset or setting, a value that is not legal, or if the
            run fails for an outside reason.
    """
    from puckrl.core.threads import let_waiting_threads_sleep

    let_waiting_threads_sleep()
    from puckrl.config.changes import with_changes
    from puckrl.config.presets import preset as named
    from puckrl.runner import session

    return session.start(with_changes(named(preset), changes), Path(root))

"""Give one world and many the same attributes, goals and copies."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from puckrl.config.run_cfg import PixelsCfg, SimCfg
from puckrl.core.errors import UserError
from puckrl.core.source import is_file
from puckrl.envs.goal_env import GoalEnv
from puckrl.interop.arrays import goals_of, rewards_of
from puckrl.runner.worlds import make_env
from puckrl.sim.viewpoints import default_name
from puckrl.tasks.task import RewardKind, Task


class Door:
    """Hold the worlds behind an environment of Gymnasium's.

    Copies and pickles contain the arguments of the constructor and the state of the
    worlds; constructing is how a copy gets its simulation, in any working directory.
    """

    task: Task
    """The task; its rewards are those of ``compute_reward``."""
    _worlds: GoalEnv
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Keep the arguments of the outermost constructor."""
        door = super().__new__(cls)
        door._arguments = (
            tuple(map(anywhere, args)),
            {name: anywhere(value) for name, value in kwargs.items()},
        )
        return door

    def _open(
        self, task: Task, sim: SimCfg, pixels: PixelsCfg | None, *, auto_reset: bool
    ) -> None:
        """Make the worlds on the CPU; cameras without viewpoints use the task's first."""
        cameras = pixels or PixelsCfg()
        if pixels is not None and not pixels.viewpoints:
            cameras = replace(pixels, viewpoints=(default_name(task.viewpoints),))
        self.task = task
        self._worlds = make_env(task, sim, auto_reset=auto_reset, pixels=cameras)

    @property
    def reward_type(self) -> RewardKind:
        """Sparse or dense, under gymnasium-robotics' name; the constructor decides."""
        return self.task.reward_kind

    @property
    def goal(self) -> NDArray[np.float64]:
        """Desired goal, (goal_dim,) of one world, (num_envs, goal_dim) of many.

        It can be set during an episode and shows from the next observation on. What is
        read is a copy that cannot be written to.
        """
        goals = self._worlds.goal.numpy().copy().reshape(self._goal_shape)
        goals.flags.writeable = False
        return goals

    @goal.setter
    def goal(self, goal: ArrayLike) -> None:
        if not self._worlds.started:
            raise UserError("a reset draws goals anew: set the goal after reset()")
        self._worlds.goal[:] = goals_of(goal, self._goal_shape)

    @property
    def _goal_shape(self) -> tuple[int, ...]:
        """Shape of ``goal``."""
        raise NotImplementedError

    def compute_reward(
        self, achieved_goal: ArrayLike, desired_goal: ArrayLike, info: object
    ) -> Any:
        """Return rewards of goals (..., goal_dim) as (...) float64; ``info`` is unused."""
        return rewards_of(self.task, achieved_goal, desired_goal)

    def __getstate__(self) -> dict[str, Any]:
        """Return the arguments, the attributes that are plain, and the worlds' state."""
        rebuilt = ("task", "_worlds", "_film")
        plain = {name: kept for name, kept in vars(self).items() if name not in rebuilt}
        return {
            "plain": plain,
            "seed": self._worlds.seed,
            "worlds": self._worlds.snapshot(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Construct the environment again and restore its state."""
        args, kwargs = state["plain"]["_arguments"]
        type(self).__init__(self, *args, **kwargs)
        vars(self).update(state["plain"])
        self._worlds.seed = state["seed"]
        self._worlds.restore(state["worlds"])


def anywhere(argument: Any) -> Any:
    """Return the name of a task's file as an absolute path; any other argument as it is."""
    if not isinstance(argument, str):
        return argument
    file, colon, name = argument.rpartition(":")
    return (
        f"{Path(file).resolve()}:{name}" if colon and is_file(Path(file)) else argument
    )


def fps(worlds: GoalEnv) -> float:
    """Return the control steps per second: at this rate a video runs in real time."""
    return 1.0 / worlds.control_dt_s


def draw_seed(rng: np.random.Generator) -> int:
    """Draw a seed for the resets from Gymnasium's own generator."""
    return int(rng.integers(2**63))

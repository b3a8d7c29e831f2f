"""Make gymnasium-robotics' Fetch environments run on today's MuJoCo.

The four joint functions of gymnasium-robotics 1.4.2 assert ``np.int32 in (mjtJoint, ...)``,
which is False on MuJoCo 3.12 and later, so every Fetch environment raises
AssertionError. This module replaces these functions and changes nothing else of the
reference. Only benchmarks and tests use it.
"""

import contextlib
import io
from typing import Any

import gymnasium
import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from puckrl.core.errors import unknown
from puckrl.tasks.task import RewardKind

_IDS = {
    "reach": "FetchReach",
    "push": "FetchPush",
    "slide": "FetchSlide",
    "pick-place": "FetchPickAndPlace",
}
_SUFFIX: dict[RewardKind, str] = {"sparse": "", "dense": "Dense"}


def make_reference(task: str, reward: RewardKind = "sparse") -> Any:
    """Return the reference's environment for one of our Fetch tasks, without time limit.

    Raises:
        UserError: if the reference has no such task.
    """
    if task not in _IDS:
        raise unknown("Fetch task", task, _IDS)
    _register()
    return gymnasium.make(f"{_IDS[task]}{_SUFFIX[reward]}-v4").unwrapped


def _register() -> None:
    """Import the reference without its greeting and repair it; idempotent."""
    with contextlib.redirect_stderr(io.StringIO()):
        import gymnasium_robotics
        from gymnasium_robotics.utils import mujoco_utils
    gymnasium.register_envs(gymnasium_robotics)
    mujoco_utils.set_joint_qpos = _set_joint_qpos
    mujoco_utils.get_joint_qpos = _get_joint_qpos
    mujoco_utils.set_joint_qvel = _set_joint_qvel
    mujoco_utils.get_joint_qvel = _get_joint_qvel


def _set_joint_qpos(
    model: mujoco.MjModel, data: mujoco.MjData, name: str, value: ArrayLike
) -> None:
    data.joint(name).qpos = value


def _get_joint_qpos(
    model: mujoco.MjModel, data: mujoco.MjData, name: str
) -> NDArray[np.float64]:
    return data.joint(name).qpos.copy()


def _set_joint_qvel(
    model: mujoco.MjModel, data: mujoco.MjData, name: str, value: ArrayLike
) -> None:
    data.joint(name).qvel = value


def _get_joint_qvel(
    model: mujoco.MjModel, data: mujoco.MjData, name: str
) -> NDArray[np.float64]:
    return data.joint(name).qvel.copy()

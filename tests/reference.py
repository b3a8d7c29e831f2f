"""gymnasium-robotics' Fetch environments, made to run on today's MuJoCo.

The four joint functions of gymnasium-robotics 1.4.2 assert ``np.int32 in (mjtJoint, ...)``,
which is False on MuJoCo 3.12 and later, so that every Fetch environment raises
AssertionError. They are replaced here; nothing else of the reference is touched.
"""

from typing import Any

import gymnasium
import gymnasium_robotics
import gymnasium_robotics.utils.mujoco_utils as joint_functions
import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

IDS = {
    "reach": "FetchReach",
    "push": "FetchPush",
    "slide": "FetchSlide",
    "pick-place": "FetchPickAndPlace",
}
"""Names of our tasks -> the reference's."""


def make_reference(task: str, reward: str = "sparse") -> Any:
    """A reference environment without its time limit, in its initial state."""
    _patch()
    suffix = {"sparse": "", "dense": "Dense"}[reward]
    env = gymnasium.make(f"{IDS[task]}{suffix}-v4").unwrapped
    env.reset(seed=0)
    return env


def begin(reference: Any, object_xy: Array | None, goal: Array) -> dict[str, Array]:
    """The reference's own reset, with the object and the goal where we want them.

    The reset draws an offset from the gripper. Ours is the exact one: the two
    numbers lie within a factor of two, so their difference has no rounding error
    (Sterbenz) and adding it back gives ``object_xy`` to the last bit.
    """
    grip_xy = reference.initial_gripper_xpos[:2]
    offset = np.zeros(2) if object_xy is None else object_xy - grip_xy
    own_rng = reference.np_random
    reference.np_random = _Dictated(offset)
    obs, _ = reference.reset()
    reference.np_random = own_rng
    reference.goal = goal.copy()
    return {**obs, "desired_goal": reference.goal.copy()}


class _Dictated:
    """Stands in for numpy's generator: two-vectors are dictated, all else is zero."""

    def __init__(self, offset_xy: Array) -> None:
        self._offset_xy = offset_xy

    def uniform(
        self, low: float = 0.0, high: float = 1.0, size: int | None = None
    ) -> ArrayLike:
        if size is None:
            return 0.0
        return self._offset_xy if size == 2 else np.zeros(size)


def _patch() -> None:
    """Replace the four functions; calling it again changes nothing."""
    gymnasium.register_envs(gymnasium_robotics)
    joint_functions.set_joint_qpos = _set_joint_qpos
    joint_functions.get_joint_qpos = _get_joint_qpos
    joint_functions.set_joint_qvel = _set_joint_qvel
    joint_functions.get_joint_qvel = _get_joint_qvel


def _set_joint_qpos(
    model: mujoco.MjModel, data: mujoco.MjData, name: str, value: ArrayLike
) -> None:
    data.joint(name).qpos = value


def _get_joint_qpos(model: mujoco.MjModel, data: mujoco.MjData, name: str) -> Array:
    return data.joint(name).qpos.copy()


def _set_joint_qvel(
    model: mujoco.MjModel, data: mujoco.MjData, name: str, value: ArrayLike
) -> None:
    data.joint(name).qvel = value


def _get_joint_qvel(model: mujoco.MjModel, data: mujoco.MjData, name: str) -> Array:
    return data.joint(name).qvel.copy()

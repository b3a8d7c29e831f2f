"""The reference's own reset, with the object and the goal where we want them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from puckrl.bench.gymnasium_robotics import make_reference

__all__ = ["begin", "make_reference"]

Array = NDArray[np.float64]


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

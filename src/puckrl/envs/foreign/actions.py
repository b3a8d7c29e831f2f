"""Scale actions in [-1, 1] to those of a foreign environment."""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from puckrl.core.errors import UserError


class ActionScale:
    """Map actions in [-1, 1] to a Box.

    Args:
        space: action space of one world.
        bound: what 1 stands for where the Box names no bound; 0: such a Box is refused.

    Raises:
        UserError: for a space that is not continuous, is empty, or has no bounds.
    """

    def __init__(self, space: spaces.Space[Any], bound: float = 0.0) -> None:
        if not isinstance(space, spaces.Box):
            raise UserError(
                f"its actions are {space}; the learning rules here are for continuous actions "
                "only: Box"
            )
        low, high = (
            edge.astype(np.float64).reshape(-1) for edge in (space.low, space.high)
        )
        if not len(low) or bool((low >= high).any()):
            raise UserError(
                f"its action space {space} leaves nothing to choose; every component needs a "
                "lower and a higher bound"
            )
        open_ = ~(np.isfinite(low) & np.isfinite(high))
        if open_.any() and not bound:
            raise UserError(
                f"its action space {space} has no bounds, and none is guessed; say what an "
                "action of 1 stands for: --foreign.action-bound 1"
            )
        self._low, self._high = (
            np.where(open_, -bound, low),
            np.where(open_, bound, high),
        )
        self._shape, self._dtype = space.shape, space.dtype
        self.size = len(low)
        """Number of components."""

    def __call__(self, action: NDArray[Any]) -> NDArray[Any]:
        """Return actions (W, size) in [-1, 1] as the environment's, (W, *shape)."""
        unit = (np.clip(action, -1.0, 1.0) + 1.0) / 2.0
        scaled = self._low + unit * (self._high - self._low)
        return scaled.astype(self._dtype).reshape(len(action), *self._shape)

"""Name our observations as Gymnasium does.

without cameras   observation (the state), achieved_goal, desired_goal
with cameras      pixels, proprio (part of the state), achieved_goal, desired_goal
"""

from typing import Any

import numpy as np
from gymnasium import spaces

from puckrl.core.errors import unknown
from puckrl.core.types import Obs, Spaces

# Gymnasium's own spaces are typed no closer than this
Observation = dict[str, Any]


class View:
    """Translate spaces and observations of worlds to Gymnasium's.

    Args:
        of: the spaces of our environment.

    Raises:
        UserError: with cameras, if the task has no sensor ``proprio``.
    """

    def __init__(self, of: Spaces) -> None:
        self._of = of
        self._vector, columns = "observation", tuple(range(of.state_dim))
        if of.pixels:
            self._vector = "proprio"
            if "proprio" not in of.sensors:
                raise unknown("sensor", "proprio", of.sensors)
            columns = of.sensors["proprio"].columns
        self._columns = list(columns)

    def spaces(self) -> tuple[spaces.Dict, spaces.Box]:
        """Return observation and action space of one world."""
        of = self._of
        sizes = {
            self._vector: len(self._columns),
            "achieved_goal": of.goal_dim,
            "desired_goal": of.goal_dim,
        }
        shown: dict[str, spaces.Space[Any]] = {
            name: spaces.Box(-np.inf, np.inf, (size,), np.float64)
            for name, size in sizes.items()
        }
        if of.pixels:
            shape = (of.pixels.stacked_channels, of.pixels.height, of.pixels.width)
            shown["pixels"] = spaces.Box(0, 255, shape, np.uint8)
        return spaces.Dict(shown), spaces.Box(-1.0, 1.0, (of.action_dim,), np.float32)

    def observation(self, obs: Obs, world: Any) -> Observation:
        """Return the observation of one world, or of all (``...``)."""
        names = ["achieved_goal", "desired_goal", *(["pixels"] * bool(self._of.pixels))]
        shown = {name: obs[name] for name in names}
        shown[self._vector] = obs["state"][:, self._columns]
        return {name: value[world].numpy() for name, value in shown.items()}

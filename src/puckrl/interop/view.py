"""What Gymnasium is shown of our worlds, under its names.

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
    """Spaces and observations of worlds of these sizes.

    Raises:
        UserError: for pictures of a robot that does not feel itself.
    """

    def __init__(self, of: Spaces) -> None:
        self._of = of
        self._felt, columns = "observation", tuple(range(of.state_dim))
        if of.pixels:
            self._felt = "proprio"
            if "proprio" not in of.sensors:
                raise unknown("sensor", "proprio", of.sensors)
            columns = of.sensors["proprio"].columns
        self._columns = list(columns)

    def spaces(self) -> tuple[spaces.Dict, spaces.Box]:
        """Observation and action space of one world."""
        of = self._of
        sizes = {
            self._felt: len(self._columns),
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
        """Observations of one world, or of all (``...``)."""
        names = ["achieved_goal", "desired_goal", *(["pixels"] * bool(self._of.pixels))]
        shown = {name: obs[name] for name in names}
        shown[self._felt] = obs["state"][:, self._columns]
        return {name: value[world].numpy() for name, value in shown.items()}

"""The protocol of what steps many worlds of a foreign environment, in numpy.

A source knows nothing of tensors, seeds of a run or hindsight; ``worlds.py`` does.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from puckrl.envs.foreign.layout import Layout

Mask = NDArray[np.bool_]


class Rows(NamedTuple):
    """What one control step of every world gives; W rows each, owned by nobody else."""

    obs: NDArray[np.float64]
    """Observations to act on next, (W, width)."""
    final: NDArray[np.float64]
    """Observations that the step led to, (W, width)."""
    reward: NDArray[np.float64]
    """Rewards, (W,)."""
    terminated: Mask
    """Episodes that ended, (W,)."""
    truncated: Mask
    """Episodes that were cut, (W,)."""
    success: Mask | None
    """Whether each world says that it succeeded, (W,); None: it does not say."""
    idle: Mask | None = None
    """Worlds that only began an episode and did not act, (W,); None: none."""


class Source(Protocol):
    """Many worlds in which episodes begin automatically, or rest once they are over."""

    @property
    def num_worlds(self) -> int:
        """Number of worlds."""
        ...

    @property
    def layout(self) -> Layout:
        """Columns of an observation."""
        ...

    def reset(self, seeds: list[int] | None) -> NDArray[np.float64]:
        """Begin an episode in every world; return the first observations, (W, width)."""
        ...

    def step_async(self, actions: NDArray[Any]) -> None:
        """Launch a control step with the environment's own actions, (W, ...)."""
        ...

    def step_wait(self) -> Rows:
        """Return the launched control step."""
        ...

    def render(self) -> NDArray[np.uint8] | None:
        """Return an image of every world, (W, height, width, 3); None: it draws none."""
        ...

    def close(self) -> None:
        """Release processes and memory; safe to call twice."""
        ...

"""The protocol of environments, for collecting, evaluating and filming."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from puckrl.core.types import Obs, Spaces, Step


class Worlds(Protocol):
    """Many worlds of one task that step together.

    ``GoalEnv`` implements it; an adapter of a foreign environment may, too. No later step
    changes a returned tensor.
    """

    @property
    def spaces(self) -> Spaces:
        """Sizes of observations and actions."""
        ...

    @property
    def num_worlds(self) -> int:
        """Number of worlds."""
        ...

    @property
    def device(self) -> torch.device:
        """Device of observations and actions."""
        ...

    @property
    def control_dt_s(self) -> float:
        """Duration of a control step, seconds."""
        ...

    def distance(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the distance of goals (..., goal_dim), (...)."""
        ...

    def success(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return whether goals (..., goal_dim) are reached, (...) bool."""
        ...

    def reset(self) -> Obs:
        """Begin an episode in every world; return the first observations."""
        ...

    def step_async(self, action: Tensor) -> None:
        """Launch a control step with actions (num_worlds, action_dim)."""
        ...

    def step_wait(self) -> Step:
        """Return the launched control step."""
        ...

    def snapshot(self) -> dict[str, Tensor]:
        """Return a copy of the complete state."""
        ...

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Restore a ``snapshot``."""
        ...

    def close(self) -> None:
        """Release threads and device memory."""
        ...


@runtime_checkable
class KeepsLogs(Protocol):
    """Worlds whose library measures them itself, as means over worlds of its choice."""

    def take_logs(self) -> dict[str, float]:
        """Return the means since the last call, by the library's own names."""
        ...


class GoalWorlds(Worlds, Protocol):
    """Worlds whose rewards depend on goals only, as hindsight relabeling requires."""

    @property
    def reward_bounds(self) -> tuple[float, float] | None:
        """Minimum and maximum reward of a step; None: unbounded."""
        ...

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the reward of goals (..., goal_dim), (...)."""
        ...

    def terminated(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return whether an episode truly ends at goals (..., goal_dim), (...) bool."""
        ...

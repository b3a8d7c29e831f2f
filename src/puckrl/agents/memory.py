"""Memory of a policy, from one control step of a world to the next."""

from typing import Protocol

from torch import Tensor

from puckrl.core.types import Obs


class PolicyMemory(Protocol):
    """State of a policy, a row for each world."""

    def step(self, obs: Obs) -> Obs:
        """Update with observations of every world; return them with the memory added."""
        ...

    def reset(self, done: Tensor) -> None:
        """Forget the worlds whose episode is over, a mask (num_worlds,) bool."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return the live state, by name, for a snapshot."""
        ...

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Restore what ``tensors`` returned."""
        ...


class NoMemory:
    """The memory of a policy that uses the current observation only."""

    def step(self, obs: Obs) -> Obs:
        """Return the observation unchanged."""
        return obs

    def reset(self, done: Tensor) -> None:
        """Do nothing: there is nothing to forget."""

    def tensors(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Do nothing."""

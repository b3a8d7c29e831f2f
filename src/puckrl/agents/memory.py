"""What a policy remembers of each world from one control step to the next."""

from typing import Protocol

from torch import Tensor

from puckrl.core.types import Obs


class PolicyMemory(Protocol):
    """State of a policy, a row for each world."""

    def step(self, obs: Obs) -> Obs:
        """Take in an observation of every world; return it with what is remembered."""
        ...

    def reset(self, done: Tensor) -> None:
        """Forget the worlds whose episode is over, a mask (num_worlds,) bool."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return the live state, by name: a snapshot holds it."""
        ...

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what ``tensors`` returned."""
        ...


class NoMemory:
    """The memory of a policy that acts on the present observation alone."""

    def step(self, obs: Obs) -> Obs:
        """Return the observation as it is."""
        return obs

    def reset(self, done: Tensor) -> None:
        """Do nothing: there is nothing to forget."""

    def tensors(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Do nothing."""

"""Memory of a policy, from one control step of a world to the next."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Obs

Remember = Callable[[Obs, Tensor], tuple[Tensor, Tensor]]
"""A policy's network: observations and states (B, n) to features and the next states."""


class PolicyMemory(Protocol):
    """State of a policy, a row for each world. The network belongs to the policy."""

    def step(self, obs: Obs, remember: Remember) -> Obs:
        """Update with observations of every world; return them with the memory added."""
        ...

    def reset(self, done: Tensor) -> None:
        """Forget the worlds whose episode is over, a mask (num_worlds,) bool."""
        ...

    def fresh(self) -> "PolicyMemory":
        """Return a memory of the same kind that remembers nothing."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return the live state, by name, for a snapshot."""
        ...

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Restore what ``tensors`` returned."""
        ...


class NoMemory:
    """The memory of a policy that uses the current observation only."""

    def step(self, obs: Obs, remember: Remember) -> Obs:
        """Return the observation unchanged."""
        return obs

    def reset(self, done: Tensor) -> None:
        """Do nothing: there is nothing to forget."""

    def fresh(self) -> "NoMemory":
        """Return this: there is nothing to forget."""
        return self

    def tensors(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Do nothing."""


class StateMemory:
    """A state for each world, zero at the start of an episode.

    Args:
        name: key of the memory's features in the observation.
        size: numbers of a world's state.
        device: device of the states.
    """

    def __init__(self, name: str, size: int, device: torch.device) -> None:
        self._name, self._size, self._device = name, size, device
        self._state = torch.zeros(0, size, device=device)

    def step(self, obs: Obs, remember: Remember) -> Obs:
        """Update with observations of every world; return them with the features added.

        Raises:
            UserError: if it remembers another number of worlds.
        """
        worlds = len(obs["desired_goal"])
        if not len(self._state):
            self._state = torch.zeros(worlds, self._size, device=self._device)
        if len(self._state) != worlds:
            raise UserError(
                f"the policy remembers {len(self._state)} worlds, and these are "
                f"observations of {worlds}; call reset() before other worlds"
            )
        features, self._state = remember(obs, self._state)
        return {**obs, self._name: features}

    def reset(self, done: Tensor) -> None:
        """Forget the worlds whose episode is over, a mask (num_worlds,) bool."""
        if bool(done.all()):
            self._state = torch.zeros(0, self._size, device=self._device)
        elif len(self._state):
            ended = done.to(self._device)  # a judge's worlds may be on the host
            self._state = self._state.masked_fill(ended[:, None], 0.0)

    def fresh(self) -> "StateMemory":
        """Return a memory of the same kind that remembers nothing."""
        return StateMemory(self._name, self._size, self._device)

    def tensors(self) -> dict[str, Tensor]:
        """Return the live state; (0, size) between episodes."""
        return {"state": self._state}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Restore what ``tensors`` returned.

        Raises:
            KeyError: if the state is missing.
        """
        self._state = tensors["state"].to(self._device).clone()

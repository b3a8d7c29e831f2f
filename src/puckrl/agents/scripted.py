"""Policies that do not learn, for sanity checks and baseline scores."""

from collections.abc import Callable

import torch
from torch import Tensor

from puckrl.core.rng import generator
from puckrl.core.types import Obs

_CPU = torch.device("cpu")


class Zero:
    """Always returns zero actions.

    Args:
        action_dim: length of the action.
        device: device of observations and actions.
    """

    def __init__(self, action_dim: int, device: torch.device = _CPU) -> None:
        self.action_dim, self.device = action_dim, device

    def reset(self, done: Tensor) -> None:
        """Do nothing: there is nothing to forget."""

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Return zeros, (B, action_dim) float32."""
        first = next(iter(obs.values()))
        return torch.zeros(len(first), self.action_dim, device=self.device)


class Random:
    """Draws uniform actions from its own generator.

    Args:
        action_dim: length of the action.
        seed: seed of the stream ``"random policy"``.
        device: device of observations and actions.
    """

    def __init__(self, action_dim: int, seed: int, device: torch.device = _CPU) -> None:
        self.action_dim, self.device = action_dim, device
        self._rng = generator(seed, "random policy", device)

    def reset(self, done: Tensor) -> None:
        """Do nothing: there is nothing to forget."""

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Draw uniformly from [-1, 1), (B, action_dim) float32, exploring or not."""
        shape = (len(next(iter(obs.values()))), self.action_dim)
        unit = torch.rand(shape, generator=self._rng, device=self._rng.device)
        return 2.0 * unit - 1.0


class Scripted:
    """Acts by a function of the observation, such as a task's expert.

    Args:
        script: maps observations to actions (B, action_dim).
        device: device of observations and actions.
    """

    def __init__(
        self, script: Callable[[Obs], Tensor], device: torch.device = _CPU
    ) -> None:
        self.script, self.device = script, device

    def reset(self, done: Tensor) -> None:
        """Do nothing: there is nothing to forget."""

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Return the script's action, clipped to [-1, 1], (B, action_dim) float32."""
        return self.script(obs).float().clamp(-1.0, 1.0)

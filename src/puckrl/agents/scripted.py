"""Policies that learn nothing: sanity checks and floor scores for those that do."""

from collections.abc import Callable

import torch
from torch import Tensor

from puckrl.core.rng import generator
from puckrl.core.types import Obs


class Zero:
    """Never acts: what a task does when left alone.

    Args:
        action_dim: length of the action.
    """

    def __init__(self, action_dim: int) -> None:
        self.action_dim = action_dim

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Zeros, (B, action_dim) float32."""
        first = next(iter(obs.values()))
        return torch.zeros(len(first), self.action_dim, device=first.device)


class Random:
    """Uniform actions from a stream of its own: the floor of every curve.

    Args:
        action_dim: length of the action.
        seed: of the stream ``"random policy"``.
        device: where observations live.
    """

    def __init__(self, action_dim: int, seed: int, device: torch.device) -> None:
        self.action_dim = action_dim
        self._rng = generator(seed, "random policy", device)

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Uniform in [-1, 1), (B, action_dim) float32, whether exploring or not."""
        shape = (len(next(iter(obs.values()))), self.action_dim)
        unit = torch.rand(shape, generator=self._rng, device=self._rng.device)
        return 2.0 * unit - 1.0


class Scripted:
    """Acts by a function of the observation, as a task's expert is.

    Args:
        script: observations to actions (B, action_dim).
    """

    def __init__(self, script: Callable[[Obs], Tensor]) -> None:
        self.script = script

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """The script's action, clipped to [-1, 1], (B, action_dim) float32."""
        return self.script(obs).float().clamp(-1.0, 1.0)

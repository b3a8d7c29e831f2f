"""What every policy answers: trained actors, scripted experts, chance."""

from typing import Protocol

import torch
from torch import Tensor

from puckrl.core.types import Obs


class Policy(Protocol):
    """Acts in worlds that step together, and may remember each of them."""

    device: torch.device
    """Where observations must be."""

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Return actions for B worlds, (B, action_dim) float32 in [-1, 1].

        Args:
            obs: observations, (B, ...) each.
            explore: add exploration noise.
        """
        ...

    def reset(self, done: Tensor) -> None:
        """Forget the worlds whose episode is over, a mask (B,) bool."""
        ...

"""Distributions of actions, which turn outputs of an actor into actions."""

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

_LOG_STD_MIN, _LOG_STD_MAX = -5.0, 2.0


class Distribution(Protocol):
    """A distribution of actions, parameterized by an actor's outputs."""

    outputs_per_action: int
    """Outputs of the actor for each component of the action."""

    def mode(self, outputs: Tensor) -> Tensor:
        """Return the deterministic action, (B, action_dim) in [-1, 1]."""
        ...

    def sample(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Return a random action from standard normal noise, (B, action_dim)."""
        ...


class TanhNormal:
    """TD3: the tanh of the output, with Gaussian noise of a fixed standard deviation.

    Args:
        sigma: standard deviation of the noise; the noisy action is not clipped here.
    """

    outputs_per_action: int = 1

    def __init__(self, sigma: float) -> None:
        self.sigma = sigma

    def mode(self, outputs: Tensor) -> Tensor:
        """Return tanh(outputs)."""
        return torch.tanh(outputs)

    def sample(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Return tanh(outputs) + σ noise."""
        return torch.tanh(outputs) + self.sigma * noise


class SquashedNormal:
    """SAC: a Gaussian with a learned standard deviation, squashed by tanh."""

    outputs_per_action: int = 2

    def mode(self, outputs: Tensor) -> Tensor:
        """Return the tanh of the mean."""
        return torch.tanh(outputs.chunk(2, dim=-1)[0])

    def sample(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Return tanh(μ + σ noise)."""
        return squashed_gaussian(outputs, noise)[0]


def squashed_gaussian(outputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return the action a = tanh(μ + σ ε) and its log density.

    log π(a) = Σ_j log N(u_j; μ_j, σ_j) - log(1 - tanh(u_j)²), the last term as
    2 (log 2 - u - softplus(-2u)), which does not underflow.

    Source: Haarnoja et al. (2018), "Soft actor-critic algorithms and applications",
    appendix C.

    Args:
        outputs: means and log standard deviations, (B, 2 A).
        noise: standard normal ε, (B, A).

    Returns:
        Actions (B, A) and log densities (B,).
    """
    mean, log_std = outputs.chunk(2, dim=-1)
    log_std = log_std.clamp(_LOG_STD_MIN, _LOG_STD_MAX)
    raw = mean + log_std.exp() * noise
    gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
    squash = 2.0 * (math.log(2.0) - raw - F.softplus(-2.0 * raw))
    return torch.tanh(raw), (gaussian - squash).sum(dim=-1)

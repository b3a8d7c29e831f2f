"""Represent a value as a histogram, so that critics classify instead of regress.

The bins are even in symlog(v) = sign(v) log(1 + |v|) from -10 to 10, values of ±22,000, so
that rewards of any scale need no range of their own. A target becomes a Gaussian around it,
0.75 bins wide, of which each bin holds the mass:

    p_i = Φ((e_(i+1) - z) / σ) - Φ((e_i - z) / σ),   z = symlog(target)

Source: Farebrother et al. (2024), "Stop regressing: training value functions via
classification for scalable deep RL" (arXiv 2403.03950), section 3.1, HL-Gauss; the scale
from Hafner et al. (2023), "Mastering diverse domains through world models", and the value
from Hansen et al. (2024), "TD-MPC2": symexp of the mean bin.
"""

import math

import torch
from torch import Tensor, nn

_LIMIT, _WIDTH_BINS = 10.0, 0.75


class Bins(nn.Module):
    """Bins of a histogram of values.

    Args:
        count: number of bins.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        edges = torch.linspace(-_LIMIT, _LIMIT, count + 1)
        self.sigma = _WIDTH_BINS * 2.0 * _LIMIT / count
        self.edges: Tensor
        self.centers: Tensor
        self.register_buffer("edges", edges)
        self.register_buffer("centers", (edges[1:] + edges[:-1]) / 2.0)

    def value(self, logits: Tensor) -> Tensor:
        """Return the values of logits (..., count), (...)."""
        return symexp((logits.softmax(dim=-1) * self.centers).sum(dim=-1))

    def histogram(self, value: Tensor) -> Tensor:
        """Return the probabilities of values (...), (..., count); they sum to 1."""
        z = symlog(value).clamp(-_LIMIT, _LIMIT)[..., None]
        below = torch.erf((self.edges - z) / (math.sqrt(2.0) * self.sigma))
        mass = below[..., 1:] - below[..., :-1]
        return mass / mass.sum(dim=-1, keepdim=True)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return Σ_i mean_B cross-entropy of logits (E, B, count) and targets (B,)."""
        wanted = self.histogram(target)
        return -(wanted * logits.log_softmax(dim=-1)).sum(dim=-1).mean(dim=1).sum()


def symlog(x: Tensor) -> Tensor:
    """Return sign(x) log(1 + |x|)."""
    return x.sign() * x.abs().log1p()


def symexp(x: Tensor) -> Tensor:
    """Return sign(x) (exp |x| - 1), the inverse of ``symlog``."""
    return x.sign() * x.abs().expm1()

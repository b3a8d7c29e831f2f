"""Estimate action values with an ensemble of critics."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from puckrl.core.types import Obs
from puckrl.nets.bins import Bins
from puckrl.nets.blocks import EnsembleMLP
from puckrl.nets.inputs import VectorInput


class Critic(nn.Module):
    """E critics of the same observation and action, (B, ...), (B, action_dim) -> (E, B).

    Args:
        features: observation to vector.
        hidden: widths of the hidden layers.
        action_dim: components of an action.
        ensemble: number of critics E.
        layer_norm: LayerNorm before each ReLU.
        compute_dtype: precision of the hidden products.
        bins: bins of the histogram that a value is; 0: a value is a number.
    """

    def __init__(
        self,
        features: VectorInput,
        hidden: Sequence[int],
        action_dim: int,
        *,
        ensemble: int = 2,
        layer_norm: bool = True,
        compute_dtype: torch.dtype = torch.float32,
        bins: int = 0,
    ) -> None:
        super().__init__()
        self.features = features
        self.bins = Bins(bins) if bins else None
        """The histogram that a value is; None: a value is a number."""
        self.mlp = EnsembleMLP(
            ensemble,
            features.width + action_dim,
            hidden,
            bins or 1,
            layer_norm=layer_norm,
            compute_dtype=compute_dtype,
        )

    def forward(self, obs: Obs, action: Tensor, *, raw: bool = False) -> Tensor:
        """Return action values, (E, B); ``raw``: as the network has them.

        These are logits of histograms, (E, B, bins), or values, (E, B).
        """
        outputs = self.mlp(torch.cat([self.features(obs), action], dim=-1))
        if self.bins is None:
            return outputs[..., 0]
        return outputs if raw else self.bins.value(outputs)

    def values(self, raw: Tensor) -> Tensor:
        """Return the values, (E, B), of raw outputs."""
        return raw if self.bins is None else self.bins.value(raw)

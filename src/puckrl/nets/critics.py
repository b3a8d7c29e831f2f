"""Estimate action values with an ensemble of critics."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from puckrl.core.types import Obs
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
    ) -> None:
        super().__init__()
        self.features = features
        self.mlp = EnsembleMLP(
            ensemble,
            features.width + action_dim,
            hidden,
            1,
            layer_norm=layer_norm,
            compute_dtype=compute_dtype,
        )

    def forward(self, obs: Obs, action: Tensor) -> Tensor:
        """Return action values, (E, B)."""
        return self.mlp(torch.cat([self.features(obs), action], dim=-1))[..., 0]

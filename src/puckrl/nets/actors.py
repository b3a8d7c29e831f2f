"""Map observations to the parameters of an action distribution."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from puckrl.core.types import Obs
from puckrl.nets.blocks import EnsembleMLP
from puckrl.nets.inputs import VectorInput


class Actor(nn.Module):
    """Features, then an MLP with ``outputs`` numbers per action component.

    Args:
        features: observation to vector.
        hidden: widths of the hidden layers.
        action_dim: components of an action.
        outputs: numbers per component: 1 (mean), or 2 (mean and log standard
            deviation).
        layer_norm: LayerNorm before each ReLU.
        compute_dtype: precision of the hidden products.
    """

    def __init__(
        self,
        features: VectorInput,
        hidden: Sequence[int],
        action_dim: int,
        *,
        outputs: int = 1,
        layer_norm: bool = False,
        compute_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.features = features
        self.mlp = EnsembleMLP(
            1,
            features.width,
            hidden,
            outputs * action_dim,
            layer_norm=layer_norm,
            compute_dtype=compute_dtype,
        )

    def forward(self, obs: Obs) -> Tensor:
        """Return outputs before the squashing, (B, outputs * action_dim)."""
        return self.mlp(self.features(obs))[0]

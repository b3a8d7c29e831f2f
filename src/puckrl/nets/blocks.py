"""Layers: an ensemble of linear maps as one batched product, and MLPs of them."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EnsembleLinear(nn.Module):
    """E independent affine maps, (E, B, in) -> (E, B, out), as one batched product.

    Args:
        ensemble: number of maps E.
        inputs: features in.
        outputs: features out.
        compute_dtype: precision of the product; parameters stay float32.
    """

    def __init__(
        self, ensemble: int, inputs: int, outputs: int, compute_dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.compute_dtype = compute_dtype
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(
            torch.empty(ensemble, inputs, outputs).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(
            torch.empty(ensemble, 1, outputs).uniform_(-bound, bound)
        )

    def forward(self, x: Tensor) -> Tensor:
        """X W + b for every member."""
        dtype, product = self.compute_dtype, torch.bmm
        if x.is_cuda:
            product = narrow_bmm if self.weight.shape[-1] == 1 else aligned_bmm
        return product(x.to(dtype), self.weight.to(dtype)).float() + self.bias

    def extra_repr(self) -> str:
        """E x in -> out."""
        ensemble, inputs, outputs = self.weight.shape
        return f"{ensemble} x {inputs} -> {outputs}, {self.compute_dtype}"


def aligned_bmm(x: Tensor, weight: Tensor) -> Tensor:
    """(E, B, in) @ (E, in, out) with zeros up to the next multiple of eight inputs.

    Rows that do not begin on 16 bytes keep cuBLAS from its fast kernels, above all in the
    gradient of the weights.
    """
    missing = -x.shape[-1] % 8
    return torch.bmm(F.pad(x, (0, missing)), F.pad(weight, (0, 0, 0, missing)))


def narrow_bmm(x: Tensor, weight: Tensor) -> Tensor:
    """(E, B, in) @ (E, in, 1) as a sum, which a compiler fuses with what is around it."""
    return (x * weight.mT).sum(-1, keepdim=True)


class EnsembleMLP(nn.Module):
    """E multilayer perceptrons side by side, (B, in) -> (E, B, out).

    Args:
        ensemble: number of networks E.
        inputs: features in.
        hidden: widths of the hidden layers.
        outputs: features out.
        layer_norm: LayerNorm (without affine part) before each ReLU.
        compute_dtype: precision of the hidden products; the last one is float32.
    """

    def __init__(
        self,
        ensemble: int,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        *,
        layer_norm: bool,
        compute_dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.ensemble, self.layer_norm = ensemble, layer_norm
        widths = [inputs, *hidden]
        self.hidden = nn.ModuleList(
            EnsembleLinear(ensemble, before, after, compute_dtype)
            for before, after in pairwise(widths)
        )
        self.head = EnsembleLinear(ensemble, widths[-1], outputs, torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of every member for the same input."""
        h = x.expand(self.ensemble, *x.shape)
        for layer in self.hidden:
            h = layer(h)
            if self.layer_norm:
                h = F.layer_norm(h, h.shape[-1:])
            h = torch.relu(h)
        return self.head(h)

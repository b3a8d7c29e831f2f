"""Compute an ensemble of linear maps as one batched product, and MLPs of such layers."""

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
        """Return x W + b of every member."""
        dtype, product = self.compute_dtype, torch.bmm
        if x.is_cuda:
            product = narrow_bmm if self.weight.shape[-1] == 1 else aligned_bmm
        return product(x.to(dtype), self.weight.to(dtype)).float() + self.bias

    def extra_repr(self) -> str:
        """Return "E x in -> out, dtype"."""
        ensemble, inputs, outputs = self.weight.shape
        return f"{ensemble} x {inputs} -> {outputs}, {self.compute_dtype}"


def aligned_bmm(x: Tensor, weight: Tensor) -> Tensor:
    """Return (E, B, in) @ (E, in, out), padded with zeros to a multiple of eight inputs.

    cuBLAS cannot use its fast kernels for rows that do not start on 16 bytes, above all in
    the gradient of the weights.
    """
    missing = -x.shape[-1] % 8
    return torch.bmm(F.pad(x, (0, missing)), F.pad(weight, (0, 0, 0, missing)))


def narrow_bmm(x: Tensor, weight: Tensor) -> Tensor:
    """Return (E, B, in) @ (E, in, 1) as a sum, which a compiler fuses with its context."""
    return (x * weight.mT).sum(-1, keepdim=True)


class EnsembleMLP(nn.Module):
    """E independent multilayer perceptrons, (B, in) -> (E, B, out).

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
        """Return the outputs of every member for the same input."""
        h = x.expand(self.ensemble, *x.shape)
        for layer in self.hidden:
            h = layer(h)
            if self.layer_norm:
                h = F.layer_norm(h, h.shape[-1:])
            h = torch.relu(h)
        return self.head(h)

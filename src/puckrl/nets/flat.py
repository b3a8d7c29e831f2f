"""Keep the parameters of a module in one vector.

Adam, Polyak averaging and gradient norms become a few operations on one tensor, and a
whole update fits one compiled graph.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

_DTYPE = "compute_dtype"  # of modules that can compute in another precision


class Flat:
    """A module whose parameters are views of one vector.

    Args:
        module: its parameters are replaced by views.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        named = dict(module.named_parameters())
        self._shapes = {name: p.shape for name, p in named.items()}
        self._sizes = [p.numel() for p in named.values()]
        self.vector = torch.cat([p.detach().reshape(-1) for p in named.values()])
        """All parameters, (n,) float32."""
        for p, view in zip(
            named.values(), self.split(self.vector).values(), strict=True
        ):
            p.data = view
            p.requires_grad_(False)

    def copy(self) -> "Flat":
        """Return a copy of the module, parameters and buffers, as a vector of its own."""
        return Flat(copy.deepcopy(self.module))

    def in_float32(self) -> "Flat":
        """Return the same module computing in float32; every tensor is shared, live."""
        live = (*self.module.parameters(), *self.module.buffers())
        made = copy.copy(self)
        made.module = copy.deepcopy(
            self.module, {id(tensor): tensor for tensor in live}
        )
        for part in made.module.modules():
            if hasattr(part, _DTYPE):
                setattr(part, _DTYPE, torch.float32)
        return made

    def tensors(self) -> dict[str, Tensor]:
        """Return the parameter vector and the module's buffers, live, by name."""
        return {"parameters": self.vector, **dict(self.module.named_buffers())}

    def split(self, vector: Tensor) -> dict[str, Tensor]:
        """Return the named parameters that a vector holds, as views."""
        parts = vector.split(self._sizes)
        named = zip(self._shapes.items(), parts, strict=True)
        return {name: part.view(shape) for (name, shape), part in named}

    def span(self, part: str) -> slice:
        """Return where the parameters of a part of the module are in the vector."""
        first, last, at = 0, 0, 0
        for name, size in zip(self._shapes, self._sizes, strict=True):
            if name.startswith(f"{part}."):
                first, last = (first if last else at), at + size
            at += size
        return slice(first, last)

    def call_part(self, part: str, vector: Tensor, *args: object) -> Any:
        """Return the output of a part of the module, with parameters of ``vector``."""
        named = {
            name.removeprefix(f"{part}."): value
            for name, value in self.split(vector).items()
            if name.startswith(f"{part}.")
        }
        return functional_call(self.module.get_submodule(part), named, args)

    def __call__(self, vector: Tensor, *args: object, **options: object) -> Tensor:
        """Return the module's output with ``vector`` as its parameters."""
        return functional_call(self.module, self.split(vector), args, options)

"""A function of tensors recorded once as a CUDA graph and replayed.

An update launches hundreds of kernels of a few microseconds each; replaying them as
one graph removes the launches, which are most of the time.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

_WARM_UP_CALLS = 3


class Captured:
    """Calls ``function`` through a CUDA graph; inputs are copied into fixed buffers.

    ``function`` may read and change other tensors as long as they stay where they
    are. The first calls run it eagerly, so that lazy initialisation is over before
    the recording. Results are live buffers: the next call overwrites them.

    Args:
        function: of nested containers of CUDA tensors, to the same.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._calls = 0
        self._graph = torch.cuda.CUDAGraph()
        self._inputs: list[Tensor] = []
        self._outputs: Any = None

    def __call__(self, *args: Any) -> Any:
        """The function's result for ``args``, whose shapes never change."""
        self._calls += 1
        if self._calls <= _WARM_UP_CALLS:
            return self._function(*args)
        leaves, structure = pytree.tree_flatten(args)
        if not self._inputs:
            self._record(leaves, structure)
        for buffer, leaf in zip(self._inputs, leaves, strict=True):
            buffer.copy_(leaf, non_blocking=True)
        self._graph.replay()
        return self._outputs

    def _record(self, leaves: list[Tensor], structure: pytree.TreeSpec) -> None:
        """Record one call on fixed copies of the inputs (recording runs nothing)."""
        self._inputs = [leaf.clone() for leaf in leaves]
        torch.cuda.synchronize()
        with torch.cuda.graph(self._graph):
            self._outputs = self._function(
                *pytree.tree_unflatten(self._inputs, structure)
            )

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
    are. The first calls run it eagerly, so that lazy initialisation and compilation
    are over before the recording. Results are live buffers: the next call overwrites
    them.

    Args:
        function: of nested containers of CUDA tensors, to the same.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._calls = 0
        self._graph = torch.cuda.CUDAGraph()
        self._buffers: list[Tensor] = []
        self._outputs: Any = None

    def __call__(self, *args: Any) -> Any:
        """The function's result for ``args``, whose shapes never change."""
        self._calls += 1
        leaves, structure = pytree.tree_flatten(args)
        if not self._buffers:
            # A tensor that is passed twice stays one tensor: compiled code has
            # specialised on that, and would compile again inside the recording.
            clones = {id(leaf): leaf.clone() for leaf in leaves}
            self._buffers = [clones[id(leaf)] for leaf in leaves]
        for buffer, leaf in zip(self._buffers, leaves, strict=True):
            buffer.copy_(leaf, non_blocking=True)
        if self._calls <= _WARM_UP_CALLS:
            return self._function(*pytree.tree_unflatten(self._buffers, structure))
        if self._calls == _WARM_UP_CALLS + 1:
            self._record(structure)
        self._graph.replay()
        return self._outputs

    def _record(self, structure: pytree.TreeSpec) -> None:
        """Record one call on the buffers (recording runs nothing)."""
        torch.cuda.synchronize()
        with torch.cuda.graph(self._graph):
            self._outputs = self._function(
                *pytree.tree_unflatten(self._buffers, structure)
            )

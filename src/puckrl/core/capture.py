"""Record a function of tensors once as a CUDA graph, and replay it.

An update launches hundreds of kernels of a few microseconds each; replaying them as
one graph removes the launches, which are most of the time.
"""

import gc
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakSet

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

_WARM_UP_CALLS = 3
_SMALL_BYTES = 1 << 20


class Graph(Protocol):
    """Record GPU work once and repeat it."""

    def record(self, function: Callable[[], Any]) -> Any:
        """Record the work of one call and return its result.

        Every replay overwrites the result's tensors.
        """
        ...

    def replay(self) -> None:
        """Run the recorded work again, on torch's current stream."""
        ...


class TorchGraph:
    """Record what torch launches; a ``Graph``."""

    def __init__(self) -> None:
        self._graph = torch.cuda.CUDAGraph()

    def record(self, function: Callable[[], Any]) -> Any:
        """See ``Graph.record``."""
        torch.cuda.synchronize()
        _recorded.add(self)
        with torch.cuda.graph(self._graph):
            return function()

    def replay(self) -> None:
        """See ``Graph.replay``."""
        self._graph.replay()

    def forget(self) -> None:
        """Free the recording, after which it cannot be replayed."""
        self._graph.reset()


_recorded: WeakSet[TorchGraph] = WeakSet()


def forget_recordings() -> None:
    """Free every recording of torch.

    Without it NCCL hangs when it closes a connection that a recording has used
    (pytorch/pytorch#115388).
    """
    for graph in tuple(_recorded):
        graph.forget()


@contextmanager
def _keeping_garbage() -> Generator[None]:
    """Suspend garbage collection: CUDA aborts a process that frees while it records."""
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Captured:
    """Call ``function`` through a CUDA graph, with inputs copied into fixed buffers.

    ``function`` may read and change other tensors as long as their memory stays in
    place. The first calls run it eagerly, so that lazy initialization and compilation
    are over before the recording. Results are live buffers: the next call overwrites
    them.

    Args:
        function: takes and returns nested containers of CUDA tensors, or None.
        graph: what records it; None: torch.
    """

    def __init__(
        self, function: Callable[..., Any], graph: Graph | None = None
    ) -> None:
        self._function = function
        self._calls = 0
        self._graph = graph or TorchGraph()
        self._buffers: list[Tensor] = []
        self._outputs: Any = None

    def __call__(self, *args: Any) -> Any:
        """Return the function's result for ``args``, whose shapes never change."""
        self._calls += 1
        found, structure = pytree.tree_flatten(args)
        leaves = [leaf for leaf in found if leaf is not None]
        if not self._buffers:
            # A tensor that is passed twice stays one tensor: compiled code has
            # specialized on that, and would compile again inside the recording.
            clones = {id(leaf): leaf.clone() for leaf in leaves}
            self._buffers = [clones[id(leaf)] for leaf in leaves]
        self._fill(leaves)
        buffers = iter(self._buffers)
        fixed = [None if leaf is None else next(buffers) for leaf in found]
        inputs = pytree.tree_unflatten(fixed, structure)
        if self._calls <= _WARM_UP_CALLS:
            return self._function(*inputs)
        if self._calls == _WARM_UP_CALLS + 1:  # recording runs nothing
            with _keeping_garbage():
                self._outputs = self._graph.record(lambda: self._function(*inputs))
        self._graph.replay()
        return self._outputs

    def _fill(self, leaves: list[Tensor]) -> None:
        """Copy the inputs: small ones of a dtype in one kernel, images as memory."""
        kinds = defaultdict[torch.dtype, list[tuple[Tensor, Tensor]]](list)
        for buffer, leaf in zip(self._buffers, leaves, strict=True):
            if buffer.nbytes > _SMALL_BYTES:
                buffer.copy_(leaf, non_blocking=True)
            else:
                kinds[buffer.dtype].append((buffer, leaf))
        for pairs in kinds.values():
            buffers, values = map(list, zip(*pairs, strict=True))
            torch._foreach_copy_(buffers, values)  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]

"""Fast rounds of updates: compiled, recorded as CUDA graphs, branches in parallel."""

import importlib
import logging
import re
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic, Branch, Metrics
from puckrl.core import team, timeline
from puckrl.core.capture import Captured
from puckrl.core.errors import UserError
from puckrl.core.runtime import has_compiler
from puckrl.core.stream import beside
from puckrl.core.types import Batch

log = logging.getLogger(__name__)

_TELLING = re.compile(r"error: |No space|File too large|size limit|signal")


@dataclass(frozen=True)
class FastRound:
    """A fast version of an agent's round."""

    run: Branch
    """Computes what ``agent.round`` computes."""
    compiles: bool
    """Whether its first call takes much longer than the others."""


def fast_round(agent: ActorCritic, *, compiled: bool) -> FastRound:
    """Return the agent's round compiled and, on CUDA, recorded as a graph.

    Args:
        agent: the agent, which is not changed.
        compiled: whether to use torch.compile, if there is a compiler.
    """
    on_cuda = agent.device.type == "cuda"
    if compiled and not on_cuda and not has_compiler():
        log.warning(
            "no C++ compiler: updates run uncompiled, about 3x slower (install g++)"
        )
        compiled = False
    fast = compile_at_first_call if compiled else uncompiled
    if on_cuda:
        return FastRound(Captured(in_parallel(agent, fast)), compiles=True)
    return FastRound(fast(agent.round), compiles=compiled)


def import_compiler() -> None:
    """Import torch's compiler in a thread, while worlds are made and first episodes played.

    The import takes seconds, which the first update would wait for.
    """

    def load() -> None:
        with timeline.span("imports"), suppress(ImportError):  # compiling says why
            importlib.import_module("torch._inductor.compile_fx")

    threading.Thread(target=load, name="compiler", daemon=True).start()


def uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function unchanged."""
    return function


def compile_at_first_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that compiles at its first call.

    Importing torch's compiler takes seconds, which would delay the first steps of a run.
    """
    compiled: Callable[..., Any] | None = None

    def call(*args: object) -> Any:
        nonlocal compiled
        if compiled is not None:
            return compiled(*args)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "TensorFloat32 tensor cores", UserWarning)
            compiled = torch.compile(function, fullgraph=True)
            with compiler_errors():
                return compiled(*args)

    return call


@contextmanager
def compiler_errors() -> Generator[None]:
    """Turn errors of torch's compiler, for example a full disk, into one line.

    Raises:
        UserError: with the reason that the compiler, or the C++ compiler below it, gives.
    """
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        text = str(getattr(error, "inner_exception", error))
        said = [line.strip() for line in text.splitlines() if line.strip()]
        telling = [x for x in said if _TELLING.search(x)]
        reason = (telling or said or [type(error).__name__])[0]
        raise UserError(
            f"torch cannot compile the update: {reason}; its files are in {_cache()} "
            "(TORCHINDUCTOR_CACHE_DIR), or train without: --loop.no-compile"
        ) from error


def _cache() -> str:
    """Return the folder to which torch's compiler writes."""
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    return cache_dir()


def in_parallel(agent: ActorCritic, fast: Callable[..., Any]) -> Branch:
    """Return a round whose branches run in parallel, each transformed by ``fast``.

    With several processes they run in sequence, because all processes must exchange
    gradients in the same order.
    """
    if len(agent.branches()) == 1 or team.size() > 1:
        return fast(agent.round)
    branches = beside([fast(branch) for branch in agent.branches()], agent.device)
    update_targets = fast(agent.update_targets)

    def run(batch: Batch, noise: Tensor, changes: Tensor) -> Metrics:
        found = branches(batch, noise, changes)
        update_targets()
        return {name: x for metrics in found for name, x in metrics.items()}

    return run

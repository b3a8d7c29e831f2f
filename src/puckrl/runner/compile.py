"""How a round of updates is made fast: compiled, recorded, its branches side by side."""

import logging
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic, Branch, Metrics
from puckrl.core import team
from puckrl.core.capture import Captured
from puckrl.core.runtime import has_compiler
from puckrl.core.stream import beside
from puckrl.core.types import Batch

log = logging.getLogger(__name__)


def speed_up(agent: ActorCritic, *, compiled: bool) -> bool:
    """Wrap the agent's round from outside: compile it, and on CUDA record it.

    Returns:
        Whether the first round will take much longer than the others.
    """
    on_cuda = agent.device.type == "cuda"
    if compiled and not on_cuda and not has_compiler():
        log.warning(
            "no C++ compiler: updates run uncompiled, about 3x slower (install g++)"
        )
        compiled = False
    if compiled:
        warnings.filterwarnings("ignore", "TensorFloat32 tensor cores", UserWarning)
    fast = compiled_late if compiled else as_written
    if on_cuda:
        # cuDNN's guess can be four times as slow as what it finds by timing:
        # docs/experiments/2026-11-25-pixel-update-gpu.md
        torch.backends.cudnn.benchmark = True
        agent.round = Captured(side_by_side(agent, fast))
    else:
        agent.round = fast(agent.round)
    return compiled or on_cuda


def as_written(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    return function


def compiled_late(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled by its first call.

    Importing torch's compiler takes seconds, which a run's first steps need not wait for.
    """

    @cache
    def fast() -> Callable[..., Any]:
        return torch.compile(function, fullgraph=True)

    def call(*args: object) -> Any:
        return fast()(*args)

    return call


def side_by_side(agent: ActorCritic, fast: Callable[..., Any]) -> Branch:
    """A round whose branches run beside each other, each made ``fast``.

    Of several processes they run one after the other: gradients have to meet in the same
    order everywhere.
    """
    if len(agent.branches()) == 1 or team.size() > 1:
        return fast(agent.round)
    branches = beside([fast(branch) for branch in agent.branches()], agent.device)
    follow = fast(agent.follow)

    def round_(batch: Batch, noise: Tensor, changes: Tensor) -> Metrics:
        found = branches(batch, noise, changes)
        follow()
        return {name: x for metrics in found for name, x in metrics.items()}

    return round_

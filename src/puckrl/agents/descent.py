"""Take gradient steps of a network, and of the encoders that its loss trains."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value

from puckrl.agents.adam import Adam
from puckrl.agents.vision import HeadsTrainer, Network, VisionTrainer

_NONE = slice(0, 0)


def descend(
    loss: Callable[..., tuple[Tensor, Any]],
    parameters: Tensor,
    adam: Adam,
    besides: tuple[VisionTrainer | HeadsTrainer, ...] = (),
    memory: slice = _NONE,
) -> tuple[tuple[Tensor, Any], list[Tensor]]:
    """Take one gradient step of a network and of the encoders that its loss trains.

    Args:
        loss: of the parameters, and of those of what it trains besides.
        parameters: the network's, (n,).
        adam: their optimizer.
        besides: what the loss trains besides: an encoder, and its objectives' heads.
        memory: where the parameters of the network's memory are.

    Returns:
        The results of ``loss``, and the norms of the gradients: of the network, of each
        of these, and of the network's memory if it has one.
    """
    vectors = [parameters, *(trainer.vector for trainer in besides)]
    argnums = tuple(range(len(vectors)))
    grads, value = grad_and_value(loss, argnums, has_aux=True)(*vectors)
    optimizers = [adam, *(trainer.adam for trainer in besides)]
    steps = zip(optimizers, vectors, grads, strict=True)
    norms = [adam.step(vector, grad) for adam, vector, grad in steps]
    if memory.stop:
        norms.append(torch.linalg.vector_norm(grads[0][memory]))
    return value, norms


def norms_by_name(
    network: Network,
    norms: list[Tensor],
    besides: tuple[VisionTrainer | HeadsTrainer, ...],
) -> dict[str, Tensor]:
    """Return the norms of ``descend`` as metrics."""
    names = ["", *(f"{trainer.norm_name}_" for trainer in besides), "memory_"]
    return {
        f"train/{network}_{name}grad_norm": norm
        for name, norm in zip(names, norms, strict=False)
    }

"""Describe the network of a trained policy as data, and rebuild it from its weights."""

from typing import get_args

import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.distributions import Distribution, SquashedNormal, TanhNormal
from puckrl.agents.explore import Explorer
from puckrl.agents.pixel_features import NoPixelFeatures, PixelFeatures
from puckrl.agents.policy import ActorPolicy, make_policy_memory
from puckrl.agents.settings import ExploreCfg
from puckrl.core.errors import UserError
from puckrl.core.rng import generator
from puckrl.core.sections import section
from puckrl.core.spec import (
    EncoderSpec,
    ImageSpec,
    MemorySpec,
    NetworkSpec,
    ParameterSpec,
)
from puckrl.nets.actors import Actor
from puckrl.nets.flat import Flat
from puckrl.nets.inputs import VectorInput
from puckrl.nets.layers import EncoderCfg
from puckrl.nets.memory import MemoryCfg, MemoryKind
from puckrl.nets.own import make_encoder
from puckrl.nets.recurrent import make_memory
from puckrl.representation.own import make_objective
from puckrl.representation.vision import Vision

OWN = "own"
"""Name of a distribution that only the agent's own code knows."""
_NO_EXPLORATION = ExploreCfg(random_share=0.0, explorer_share=0.0)


def describe_network(agent: ActorCritic) -> NetworkSpec:
    """Return how the network of an agent's judged policy is built."""
    actor = agent.actor.module
    assert isinstance(actor, Actor)
    inputs, distribution = actor.features, agent.averaged.distribution
    names = {TanhNormal: "tanh-normal", SquashedNormal: "squashed-normal"}
    return NetworkSpec(
        state_dim=agent.spaces.state_dim,
        goal_dim=agent.spaces.goal_dim,
        columns=tuple(inputs.columns.tolist()),
        shows_achieved=inputs.show_achieved,
        shows_goal=inputs.show_goal,
        hidden=agent.cfg.hidden,
        distribution=names.get(type(distribution), OWN),
        sigma=distribution.sigma if isinstance(distribution, TanhNormal) else 0.0,
        layout=_layout(agent.actor),
        encoder=_describe_encoder(agent),
        memory=_describe_memory(agent),
    )


def _describe_memory(agent: ActorCritic) -> MemorySpec | None:
    """Return how the actor's memory is built; None without one."""
    cfg = agent.cfg.memory
    if cfg.kind == "none":
        return None
    return MemorySpec(kind=cfg.kind, stack=cfg.stack, size=cfg.size)


def _describe_encoder(agent: ActorCritic) -> EncoderSpec | None:
    """Return how the actor's encoder is built; None without pixels."""
    features, cfg = agent.routing.actor.features, agent.cfg.vision
    if isinstance(features, NoPixelFeatures):
        return None
    names = [
        name
        for name, trainer in agent.routing.trainers.items()
        if trainer.vision is features.vision
    ]
    kind = cfg.encoder
    return EncoderSpec(
        section=names[0],
        kind=kind.kind,
        channels=kind.channels,
        head=kind.head,
        features=kind.features,
        objective=cfg.objective,
        conditioned=features.conditioned,
        shows_goal=features.shows_goal,
        layout=_layout(features.flat),
    )


def _layout(flat: Flat) -> tuple[ParameterSpec, ...]:
    """Return names and shapes of the parameters in a flat vector, in order."""
    named = flat.module.named_parameters()
    return tuple(ParameterSpec(name, tuple(p.shape)) for name, p in named)


def rebuild_policy(
    spec: NetworkSpec,
    images: ImageSpec | None,
    action_dim: int,
    tensors: dict[str, Tensor],
    device: torch.device,
    seed: int = 0,
) -> ActorPolicy:
    """Build a judged policy from its description and the tensors of a snapshot.

    Args:
        spec: description of the network.
        images: its images; None: it gets none.
        action_dim: length of an action.
        tensors: ``ActorCritic.tensors`` of the snapshot, by name.
        device: device of the policy.
        seed: seeds the noise of sampled actions.

    Raises:
        UserError: if this version of puckrl builds another network.
    """
    features = _rebuild_features(spec, images, tensors, device)
    distribution: Distribution = (
        SquashedNormal()
        if spec.distribution == "squashed-normal"
        else TanhNormal(spec.sigma)
    )
    of = spec.memory
    memory = None if of is None else MemoryCfg(_kind(of.kind), of.stack, of.size)
    inputs = VectorInput(
        spec.columns,
        spec.goal_dim,
        show_achieved=spec.shows_achieved,
        show_goal=spec.shows_goal,
        features=features.sizes,
        memory=None if memory is None else make_memory(memory, len(spec.columns)),
        name="actor",
    )
    outputs = distribution.outputs_per_action
    made = Actor(inputs, spec.hidden, action_dim, outputs=outputs)
    actor = Flat(made.to(device))
    _fill(actor, spec.layout, "actor", "average.actor", tensors)
    return ActorPolicy(
        actor,
        actor.vector,
        features,
        features.vector,
        distribution,
        _explorer(action_dim, seed, device),
        make_policy_memory(inputs, device),
        exact=True,
    )


def _kind(name: str) -> MemoryKind:
    """Return a kind of memory.

    Raises:
        UserError: if this version has none of that name.
    """
    for kind in get_args(MemoryKind):
        if kind == name:
            return kind
    raise UserError(
        f"the contract names a memory {name!r}, which this version of puckrl lacks; "
        "install the version that made the run"
    )


def copy_policy(agent: ActorCritic, seed: int = 0) -> ActorPolicy:
    """Return a copy of an agent's judged policy that shares nothing with it."""
    made = agent.averaged.copy()
    made.explorer = _explorer(agent.spaces.action_dim, seed, agent.device)
    made.memory = made.memory.fresh()
    return made


def _explorer(action_dim: int, seed: int, device: torch.device) -> Explorer:
    return Explorer(_NO_EXPLORATION, action_dim, generator(seed, "act", device))


def _rebuild_features(
    spec: NetworkSpec,
    images: ImageSpec | None,
    tensors: dict[str, Tensor],
    device: torch.device,
) -> PixelFeatures | NoPixelFeatures:
    """Build the encoder of the pixels."""
    of = spec.encoder
    if of is None or images is None:
        return NoPixelFeatures(device)
    cfg = EncoderCfg(
        kind=of.kind,
        channels=of.channels,
        head=of.head,  # pyright: ignore[reportArgumentType]
        features=of.features,
    )
    encoder = make_encoder(cfg, len(images.channels), images.height, images.width)
    objective = make_objective(of.objective, encoder.size, spec.goal_dim)
    vision = Flat(Vision(encoder, objective).to(device))
    _fill(vision, of.layout, of.section, "average.pixels", tensors)
    return PixelFeatures(
        "actor.features",
        vision,
        detached=False,
        conditioned=of.conditioned,
        shows_goal=of.shows_goal,
    )


def _fill(
    flat: Flat,
    layout: tuple[ParameterSpec, ...],
    buffers: str,
    parameters: str,
    tensors: dict[str, Tensor],
) -> None:
    """Copy the saved parameters and buffers of a module into it.

    Raises:
        UserError: if the module has other parameters, or a tensor is missing.
    """
    if _layout(flat) != layout:
        raise UserError(
            f"this version of puckrl builds another network than the contract describes "
            f"({buffers}); install the version that made the run"
        )
    saved = section(buffers, tensors)
    try:
        flat.vector.copy_(tensors[parameters])
        for name, live in flat.module.named_buffers():
            live.copy_(saved[name])
    except (KeyError, RuntimeError) as error:
        raise UserError(
            f"the snapshot does not fit the contract: {error}; use the version of puckrl "
            "that made the run"
        ) from error

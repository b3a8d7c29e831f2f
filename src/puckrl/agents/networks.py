"""Construction of networks and their encoders from settings."""

from collections.abc import Callable

import torch

from puckrl.agents.pixel_features import NoPixelFeatures, PixelFeatures
from puckrl.agents.settings import AgentCfg
from puckrl.agents.vision import Network, VisionRouting, route_pixels
from puckrl.core.types import Spaces
from puckrl.nets.actors import Actor
from puckrl.nets.critics import Critic
from puckrl.nets.inputs import VectorInput
from puckrl.nets.memory import MemoryCfg
from puckrl.nets.own import make_encoder
from puckrl.nets.recurrent import make_memory
from puckrl.representation.frames import sizes_of
from puckrl.representation.own import make_objective
from puckrl.representation.self_supervised import SelfSupervised
from puckrl.representation.vision import Vision
from puckrl.representation.weights import load_encoder

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_BESIDE_STATE = ("pixels", "goal_image", "achieved_goal", "desired_goal")


_NO_MEMORY = MemoryCfg()


def make_networks(
    cfg: AgentCfg,
    spaces: Spaces,
    outputs_per_action: int,
    device: torch.device,
    *,
    critics_remember: bool = True,
) -> tuple[Actor, Critic, VisionRouting]:
    """Make actor, critics and their encoders on ``device``.

    Torch's global generator draws the weights.

    Args:
        cfg: settings.
        spaces: sizes of observations and actions.
        outputs_per_action: outputs of the actor for each component of an action.
        device: device of the networks.
        critics_remember: whether the critics may have a memory; their own, of their own
            sensors, if the settings want it.
    """
    dtype = _DTYPES[cfg.precision]
    sensors: tuple[tuple[Network, tuple[str, ...]], ...] = (
        ("actor", cfg.actor_sensors),
        ("critic", cfg.critic_sensors),
    )
    with_pixels: tuple[Network, ...] = tuple(
        network for network, names in sensors if "pixels" in names
    )
    routing = route_pixels(
        cfg.vision,
        with_pixels,
        lambda: _vision(cfg, spaces, dtype),
        device,
        shown=tuple(network for network, names in sensors if "goal_image" in names),
        make_heads=_heads(cfg, spaces),
    )
    actor = make_actor(
        cfg,
        cfg.actor_sensors,
        spaces,
        outputs_per_action,
        routing.actor.features,
        cfg.memory,
    )
    remembers = critics_remember and cfg.memory.critics
    critic = Critic(
        _input(
            "critic",
            cfg.critic_sensors,
            spaces,
            routing.critic.features,
            cfg.memory if remembers else _NO_MEMORY,
        ),
        cfg.hidden,
        spaces.action_dim,
        ensemble=cfg.critics,
        compute_dtype=dtype,
        bins=cfg.critic_bins,
    )
    return actor.to(device), critic.to(device), routing


def make_actor(
    cfg: AgentCfg,
    sensors: tuple[str, ...],
    spaces: Spaces,
    outputs_per_action: int,
    pixels: PixelFeatures | NoPixelFeatures,
    memory: MemoryCfg = _NO_MEMORY,
) -> Actor:
    """Make an actor with these sensors as inputs, on the CPU."""
    return Actor(
        _input("actor", sensors, spaces, pixels, memory),
        cfg.hidden,
        spaces.action_dim,
        outputs=outputs_per_action,
        compute_dtype=_DTYPES[cfg.precision],
    )


def _heads(cfg: AgentCfg, spaces: Spaces) -> Callable[[int], SelfSupervised] | None:
    """Return what makes self-supervised objectives; None without any."""
    named = cfg.vision.self_supervised
    if not named:
        return None
    return lambda features: SelfSupervised(named, sizes_of(features, spaces))


def _vision(cfg: AgentCfg, spaces: Spaces, dtype: torch.dtype) -> Vision:
    """Make an encoder with its objective on the CPU."""
    pixels = spaces.pixels
    assert pixels is not None, "a network gets pixels, but there is no camera"
    encoder = make_encoder(
        cfg.vision.encoder, pixels.stacked_channels, pixels.height, pixels.width, dtype
    )
    if cfg.vision.encoder.weights:
        load_encoder(encoder, cfg.vision.encoder)
    return Vision(
        encoder, make_objective(cfg.vision.objective, encoder.size, spaces.goal_dim)
    )


def _input(
    name: Network,
    sensors: tuple[str, ...],
    spaces: Spaces,
    pixels: PixelFeatures | NoPixelFeatures,
    memory: MemoryCfg,
) -> VectorInput:
    """Make the input of one network."""
    columns = sensor_columns(sensors, spaces)
    return VectorInput(
        columns,
        spaces.goal_dim,
        show_achieved="achieved_goal" in sensors,
        show_goal="desired_goal" in sensors,
        features=pixels.sizes,
        fixed_goal=spaces.fixed_goal,
        memory=make_memory(memory, len(columns)),
        name=name,
    )


def sensor_columns(names: tuple[str, ...], spaces: Spaces) -> list[int]:
    """Return the state vector's columns of these sensors; "state" has all of them.

    Raises:
        KeyError: for a name that the task does not have.
    """
    known = {name: sensor.columns for name, sensor in spaces.sensors.items()}
    known["state"] = tuple(range(spaces.state_dim))
    named = [name for name in names if name not in _BESIDE_STATE]
    return sorted({column for name in named for column in known[name]})

"""Construction of networks and their encoders from settings."""

import torch

from puckrl.agents.settings import AgentCfg
from puckrl.agents.vision import (
    Network,
    NoPixelFeatures,
    PixelFeatures,
    VisionRouting,
    route_pixels,
)
from puckrl.core.types import Spaces
from puckrl.nets.actors import Actor
from puckrl.nets.critics import Critic
from puckrl.nets.inputs import VectorInput
from puckrl.nets.own import make_encoder
from puckrl.representation.own import make_objective
from puckrl.representation.vision import Vision

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_BESIDE_STATE = ("pixels", "goal_image", "achieved_goal", "desired_goal")


def make_networks(
    cfg: AgentCfg, spaces: Spaces, outputs_per_action: int, device: torch.device
) -> tuple[Actor, Critic, VisionRouting]:
    """Make actor, critics and their encoders on ``device``.

    Torch's global generator draws the weights.
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
    )
    actor = make_actor(
        cfg, cfg.actor_sensors, spaces, outputs_per_action, routing.actor.features
    )
    critic = Critic(
        _input(cfg.critic_sensors, spaces, routing.critic.features),
        cfg.hidden,
        spaces.action_dim,
        ensemble=cfg.critics,
        compute_dtype=dtype,
    )
    return actor.to(device), critic.to(device), routing


def make_actor(
    cfg: AgentCfg,
    sensors: tuple[str, ...],
    spaces: Spaces,
    outputs_per_action: int,
    pixels: PixelFeatures | NoPixelFeatures,
) -> Actor:
    """Make an actor with these sensors as inputs, on the CPU."""
    return Actor(
        _input(sensors, spaces, pixels),
        cfg.hidden,
        spaces.action_dim,
        outputs=outputs_per_action,
        compute_dtype=_DTYPES[cfg.precision],
    )


def _vision(cfg: AgentCfg, spaces: Spaces, dtype: torch.dtype) -> Vision:
    """Make an encoder with its objective on the CPU."""
    pixels = spaces.pixels
    assert pixels is not None, "a network gets pixels, but there is no camera"
    encoder = make_encoder(
        cfg.vision.encoder, pixels.stacked_channels, pixels.height, pixels.width, dtype
    )
    return Vision(
        encoder, make_objective(cfg.vision.objective, encoder.size, spaces.goal_dim)
    )


def _input(
    sensors: tuple[str, ...], spaces: Spaces, pixels: PixelFeatures | NoPixelFeatures
) -> VectorInput:
    """Make the input of one network."""
    return VectorInput(
        sensor_columns(sensors, spaces),
        spaces.goal_dim,
        show_achieved="achieved_goal" in sensors,
        show_goal="desired_goal" in sensors,
        features=pixels.sizes,
        fixed_goal=spaces.fixed_goal,
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

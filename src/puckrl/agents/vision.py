"""Encoders of actor and critics, and the routing of gradients to them.

The rows are losses, the columns are values of ``encoder_gradient``; x: the gradient of
the loss reaches the encoder of its own network.

                     critic   actor   both   goal-prediction   self-supervised   none
    critics' loss      x                x
    actor's loss                 x      x
    goal prediction    x         x      x          x                  x
    self-supervised    x         x      x                             x

Without an x the features are constants for the loss. A gradient reaches an encoder only
through the inputs of the network that is being updated: the actor's loss never trains
the critics' features. Goal prediction and self-supervised objectives are auxiliary losses:
they are added once for each encoder, to the critics' loss if that trains the encoder, else
to the actor's.

Source of ``critic``: Yarats et al. (2021), "Mastering visual continuous control"
(DrQ-v2), section 3.1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from puckrl.agents.adam import Adam
from puckrl.agents.pixel_features import NoPixelFeatures, PixelFeatures
from puckrl.agents.settings import EncoderGradient, VisionCfg
from puckrl.core.sections import under
from puckrl.core.types import Obs
from puckrl.nets.flat import Flat
from puckrl.representation.self_supervised import SelfSupervised
from puckrl.representation.vision import Vision

Network = Literal["actor", "critic"]

_TRAINS: dict[EncoderGradient, tuple[Network, ...]] = {
    "critic": ("critic",),
    "actor": ("actor",),
    "both": ("critic", "actor"),
    "goal-prediction": ("critic", "actor"),
    "self-supervised": ("critic", "actor"),
    "none": (),
}
"""Networks whose updates train their encoder."""
_AUXILIARY_ONLY = ("goal-prediction", "self-supervised")


class HeadsTrainer:
    """Self-supervised objectives of an encoder, with their optimizer.

    They are apart from the encoder: the trained policy does not need them.
    """

    norm_name = "heads"

    def __init__(
        self, cfg: VisionCfg, heads: SelfSupervised, device: torch.device
    ) -> None:
        self.heads = heads.to(device)
        self.flat = Flat(self.heads)
        self.vector = self.flat.vector
        self.adam = Adam(self.vector, cfg.lr, cfg.max_grad_norm)


class VisionTrainer:
    """A vision network with its optimizer and target network."""

    norm_name = "encoder"

    def __init__(self, cfg: VisionCfg, vision: Vision, device: torch.device) -> None:
        self.vision = vision.to(device)
        self.flat = Flat(vision)
        self.vector = self.flat.vector
        self.target = self.vector.clone()
        self.adam = Adam(self.vector, cfg.lr, cfg.max_grad_norm)
        self.predicts = False
        """Whether the auxiliary loss trains the objective's prediction."""
        self.heads: HeadsTrainer | None = None
        """Self-supervised objectives that train the encoder too."""

    def tensors(self) -> dict[str, Tensor]:
        """Return every live tensor, by name."""
        found = {
            "online": self.vector,
            "target": self.target,
            **under("adam", self.adam.state()),
            **dict(self.vision.named_buffers()),
        }
        if self.heads is not None:
            found["heads.online"] = self.heads.vector
            found |= under("heads.adam", self.heads.adam.state())
        return found


@dataclass(frozen=True)
class Route:
    """The encoder of one network, and the encoders that its update trains."""

    features: PixelFeatures | NoPixelFeatures
    """Adds features to the network's observation."""
    target: Tensor
    """Target parameters of the encoder, (n,)."""
    trains: tuple[VisionTrainer | HeadsTrainer, ...]
    """What the network's update trains besides: nothing, its encoder, or its encoder and
    that one's self-supervised objectives."""
    aux_weight: float
    """Weight of goal prediction, or an objective in its place, in this update."""
    heads: HeadsTrainer | None = None
    """Self-supervised objectives of this update; None: it has none."""

    def encode(self, obs: Obs) -> Obs:
        """Return the observation with features of the online parameters."""
        return self.features.encode(self.features.vector, obs)

    def encode_target(self, obs: Obs) -> Obs:
        """Return the observation with features of the target parameters."""
        return self.features.encode(self.target, obs)

    @property
    def heads_vector(self) -> Tensor:
        """Parameters of the self-supervised objectives, (m,)."""
        return self.target[:0] if self.heads is None else self.heads.vector

    def auxiliary_loss(
        self, encoded: Obs, vision: Tensor, heads: Tensor
    ) -> tuple[Tensor | float, dict[str, Tensor]]:
        """Return the weighted auxiliary losses of an encoded observation, and metrics.

        Args:
            encoded: the observation, with what the objectives need.
            vision: parameters of the encoder, (n,).
            heads: parameters of the self-supervised objectives, (m,).
        """
        loss: Tensor | float = 0.0
        metrics: dict[str, Tensor] = {}
        if self.aux_weight:
            error = self.features.objective_loss(encoded)
            loss, metrics = self.aux_weight * error, {"train/aux_error": error}
        if self.heads is not None:
            apply = partial(self.heads.flat, heads)
            more, found = self.features.self_supervised_loss(vision, apply, encoded)
            loss, metrics = loss + more, metrics | found
        return loss, metrics


@dataclass(frozen=True)
class VisionRouting:
    """The encoder of each network, and the loss that trains it."""

    actor: Route
    """The actor's route."""
    critic: Route
    """The critics' route."""
    trainers: dict[str, VisionTrainer]
    """The encoders, by name; {} without pixels."""

    @property
    def self_supervised(self) -> SelfSupervised | None:
        """The self-supervised objectives; they are alike for every encoder."""
        heads = (trainer.heads for trainer in self.trainers.values())
        return next((made.heads for made in heads if made is not None), None)


def route_pixels(
    cfg: VisionCfg,
    sees: tuple[Network, ...],
    make: Callable[[], Vision],
    device: torch.device,
    *,
    shown: tuple[Network, ...] = (),
    make_heads: Callable[[int], SelfSupervised] | None = None,
) -> VisionRouting:
    """Assign encoders to the networks that get pixels.

    Args:
        cfg: settings of encoders and gradient routing.
        sees: networks that get pixels.
        make: makes a vision network on the CPU.
        device: device of the encoders.
        shown: networks that get goal images too.
        make_heads: makes self-supervised objectives for a number of features; None: there
            are none.
    """
    trainers: dict[str, VisionTrainer] = {}
    encoders: dict[Network, VisionTrainer] = {}
    for name in sees:
        key = "vision" if cfg.shared and len(sees) == 2 else f"{name}_vision"
        if key not in trainers:
            trainers[key] = VisionTrainer(cfg, make(), device)
        encoders[name] = trainers[key]
    trained: tuple[Network, ...] = tuple(
        name for name in _TRAINS[cfg.encoder_gradient] if name in encoders
    )
    auxiliary = _first_of_each(trained, encoders)
    auxiliary_only = cfg.encoder_gradient in _AUXILIARY_ONLY
    trained = auxiliary if auxiliary_only else trained
    for name in auxiliary:
        own = encoders[name]
        own.predicts = cfg.aux_weight > 0
        if make_heads is not None:
            own.heads = HeadsTrainer(cfg, make_heads(own.vision.size), device)

    def route(name: Network) -> Route:
        if name not in encoders:
            none = NoPixelFeatures(device)
            return Route(none, none.vector, (), 0.0)
        trainer = encoders[name]
        features = PixelFeatures(
            f"{name}.features",
            trainer.flat,
            detached=auxiliary_only,
            conditioned=cfg.condition_on_prediction and trainer.predicts,
            shows_goal=name in shown,
        )
        heads = trainer.heads if name in auxiliary else None
        trains = (trainer, *([heads] if heads else [])) if name in trained else ()
        weight = cfg.aux_weight if name in auxiliary else 0.0
        return Route(features, trainer.target, trains, weight, heads)

    return VisionRouting(route("actor"), route("critic"), trainers)


def _first_of_each(
    names: tuple[Network, ...], encoders: dict[Network, VisionTrainer]
) -> tuple[Network, ...]:
    """Return the first network of each encoder, in the order of ``names``."""
    first: dict[int, Network] = {}
    for name in names:
        first.setdefault(id(encoders[name]), name)
    return tuple(first.values())

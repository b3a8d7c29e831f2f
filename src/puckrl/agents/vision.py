"""How pixels reach actor and critics, and whose gradient reaches the encoder.

    encoder_gradient   the encoder learns from
    critic             the critics' loss; the actor takes the features as they are
                       Source: Yarats et al. (2021), "Mastering visual continuous
                       control" (DrQ-v2), section 3.1
    actor              the actor's loss: the critics see the state, or the features as
                       they are
    both               either, each in its own update
    goal-prediction    the auxiliary loss alone; whoever sees takes the features as they are
    none               nothing: it stays as it was initialized

A gradient reaches the encoder through the input of the network that is being updated
only: the actor's loss never trains what the critics see. The auxiliary loss goes with
the first network in this order that trains the encoder, or sees through it where it
learns from the guess: critics, actor.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from torch import Tensor

from puckrl.agents.adam import Adam
from puckrl.agents.augment import AugmentKind
from puckrl.core.settings import NON_NEGATIVE, POSITIVE
from puckrl.core.types import Obs
from puckrl.nets.encoders import EncoderCfg
from puckrl.nets.flat import Flat
from puckrl.nets.vision import Vision

Gradient = Literal["critic", "actor", "both", "goal-prediction", "none"]
Network = Literal["actor", "critic"]


@dataclass(frozen=True)
class VisionCfg:
    """How pixels are seen, by the networks that see them."""

    encoder: EncoderCfg = field(default_factory=EncoderCfg)
    """Pixels to features."""
    encoder_gradient: Gradient = "actor"
    """Whose loss trains the encoder: critic, actor, both, goal-prediction, none."""
    shared: bool = True
    """One encoder where actor and critics both see pixels; else one each."""
    lr: Annotated[float, POSITIVE] = 3e-4
    """Adam's step size for the encoder."""
    max_grad_norm: Annotated[float, NON_NEGATIVE] = 1.0
    """Gradients of the encoder are clipped to this norm; 0: never."""
    aux_weight: Annotated[float, NON_NEGATIVE] = 1.0
    """Weight of guessing the achieved goal from the features; 0: do not."""
    condition_on_prediction: bool = False
    """Tell whoever sees the features the guess besides, and the way from it to the goal."""
    augment: AugmentKind = "none"
    """Random changes, drawn for observation and next one apart: none; shift, by up to 4
    pixels (DrQ); color, gains and brightness; shift+color."""


class VisionTrainer:
    """A vision network with its optimizer and its slowly following copy."""

    def __init__(self, cfg: VisionCfg, vision: Vision, device: torch.device) -> None:
        self.flat = Flat(vision.to(device))
        self.vision = vision
        self.guesses = False
        """Whether an auxiliary loss teaches it to guess the achieved goal."""
        self.vector = self.flat.vector
        self.target = self.vector.clone()
        self.adam = Adam(self.vector, cfg.lr, cfg.max_grad_norm)

    def tensors(self) -> dict[str, Tensor]:
        """Every live tensor, by name."""
        adam = {f"adam.{key}": value for key, value in self.adam.state().items()}
        buffers = dict(self.vision.named_buffers())
        return {"online": self.vector, "target": self.target, **adam, **buffers}


class PixelFeatures:
    """Gives one network the features of a sight, as ``obs[name]``.

    Args:
        name: what the features are called.
        sight: whose features.
        cfg: what else the network is told, and whether its gradient reaches the encoder.
        aux_weight: weight of the auxiliary loss in this network's update.
    """

    def __init__(
        self, name: str, sight: VisionTrainer, cfg: VisionCfg, aux_weight: float
    ) -> None:
        self.name, self.sight, self.aux_weight = name, sight, aux_weight
        self._apart = cfg.encoder_gradient == "goal-prediction"
        self._told = cfg.condition_on_prediction and sight.guesses
        self.features = {name: sight.vision.size}
        """Names and lengths of what the network gets of what ``see`` adds."""
        if self._told:
            self.features[f"{name}.told"] = 2 * sight.vision.goals.size

    @property
    def vector(self) -> Tensor:
        """Present parameters, (n,)."""
        return self.sight.vector

    @property
    def target(self) -> Tensor:
        """Parameters of the slow copy, (n,)."""
        return self.sight.target

    def see(self, parameters: Tensor, obs: Obs) -> Obs:
        """The observation with features, (B, size), and the guess that they allow."""
        features, guess = self.sight.flat(parameters, obs["pixels"])
        shown = features.detach() if self._apart else features
        seen = {**obs, self.name: shown, f"{self.name}.guess": guess}
        if self._told:
            told = self.sight.vision.told(guess, obs["desired_goal"])
            seen[f"{self.name}.told"] = told
        return seen

    def keypoints(self, seen: Obs) -> Tensor:
        """Where in the pictures each channel looks, (B, channels, 2) in [0, 1]."""
        return self.sight.vision.encoder.keypoints(seen[self.name])

    def auxiliary_loss(self, seen: Obs) -> tuple[Tensor | float, dict[str, Tensor]]:
        """Auxiliary loss of a seen observation, weighted, and metrics."""
        if self.aux_weight == 0:
            return 0.0, {}
        guess, achieved = seen[f"{self.name}.guess"], seen["achieved_goal"]
        error = self.sight.vision.error(guess, achieved)
        return self.aux_weight * error, {"train/aux_error": error}


class NoPixelFeatures:
    """For a network that sees no pixels."""

    def __init__(self, device: torch.device) -> None:
        self.features: dict[str, int] = {}
        self.vector = self.target = torch.zeros(0, device=device)

    def see(self, parameters: Tensor, obs: Obs) -> Obs:
        """The observation as it is."""
        return obs

    def keypoints(self, seen: Obs) -> None:
        """It looks at no picture."""

    def auxiliary_loss(self, seen: Obs) -> tuple[Tensor | float, dict[str, Tensor]]:
        """Nothing to learn."""
        return 0.0, {}


@dataclass(frozen=True)
class VisionRouting:
    """Who sees what, and who teaches whom."""

    actor: PixelFeatures | NoPixelFeatures
    """The actor's eyes."""
    critic: PixelFeatures | NoPixelFeatures
    """The critics' eyes."""
    sights: dict[str, VisionTrainer]
    """The encoders, by name; none without pixels."""
    trained_by_actor: tuple[VisionTrainer, ...]
    """Encoders that the actor's loss trains: one or none."""
    trained_by_critic: tuple[VisionTrainer, ...]
    """Encoders that the critics' loss trains: one or none."""


def look(
    cfg: VisionCfg,
    sees: tuple[Network, ...],
    make: Callable[[], Vision],
    device: torch.device,
) -> VisionRouting:
    """Wire encoders to the networks that see pixels.

    Args:
        cfg: routing and so on.
        sees: who sees pixels.
        make: a fresh vision network on the CPU.
        device: where everything lives.
    """
    if cfg.shared and len(sees) == 2:
        sights = {"sight": VisionTrainer(cfg, make(), device)}
        through = dict.fromkeys(sees, sights["sight"])
    else:
        sights = {f"{name}_sight": VisionTrainer(cfg, make(), device) for name in sees}
        through = {name: sights[f"{name}_sight"] for name in sees}
    teachers = sees if cfg.encoder_gradient == "both" else (cfg.encoder_gradient,)
    if cfg.encoder_gradient == "goal-prediction":  # in one update for every encoder
        teachers = sees if len(sights) > 1 else sees[-1:]
    taught = {name: (through[name],) if name in teachers else () for name in sees}
    aux = {name: cfg.aux_weight * len(sight) for name, sight in taught.items()}
    if len(sights) == 1 and aux.get("critic"):
        aux["actor"] = 0.0  # it counts once for every encoder
    for name, sight in through.items():
        sight.guesses |= bool(cfg.aux_weight and taught[name])
    eyes = {
        name: PixelFeatures(f"{name}.eyes", through[name], cfg, aux[name])
        for name in sees
    }
    nothing = NoPixelFeatures(device)
    return VisionRouting(
        actor=eyes.get("actor", nothing),
        critic=eyes.get("critic", nothing),
        sights=sights,
        trained_by_actor=taught.get("actor", ()),
        trained_by_critic=taught.get("critic", ()),
    )

"""How pixels reach actor and critics, and whose gradient reaches the encoder.

The rows are losses, the columns are values of ``encoder_gradient``; x: the gradient of
the loss reaches the encoder that its own network sees through.

                     critic   actor   both   goal-prediction   none
    critics' loss      x                x
    actor's loss                 x      x
    auxiliary loss     x         x      x          x

Without an x the network takes the features as they are. A gradient reaches the encoder
through the input of the network that is being updated only: the actor's loss never
trains what the critics see. The auxiliary loss counts once for each encoder, in the
update of the critics where their row trains it, else in the actor's.

Source of ``critic``: Yarats et al. (2021), "Mastering visual continuous control"
(DrQ-v2), section 3.1.
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
from puckrl.representation.vision import Vision

EncoderGradient = Literal["critic", "actor", "both", "goal-prediction", "none"]
Network = Literal["actor", "critic"]

_TRAINS: dict[EncoderGradient, tuple[Network, ...]] = {
    "critic": ("critic",),
    "actor": ("actor",),
    "both": ("critic", "actor"),
    "goal-prediction": ("critic", "actor"),
    "none": (),
}
"""Networks in whose update the encoder that they see through is trained."""


@dataclass(frozen=True)
class VisionCfg:
    """How the networks that get pixels see them."""

    encoder: EncoderCfg = field(default_factory=EncoderCfg)
    """Pixels to features."""
    encoder_gradient: EncoderGradient = "actor"
    """Whose loss trains the encoder: critic, actor, both; goal-prediction: the auxiliary
    loss alone; none: it stays as it was initialized."""
    shared: bool = True
    """One encoder where actor and critics both see pixels; else one each."""
    lr: Annotated[float, POSITIVE] = 3e-4
    """Learning rate of the encoder (Adam)."""
    max_grad_norm: Annotated[float, NON_NEGATIVE] = 1.0
    """Gradient clipping norm of the encoder; 0: no clipping."""
    aux_weight: Annotated[float, NON_NEGATIVE] = 1.0
    """Weight of the auxiliary loss, which predicts the achieved goal from the features;
    0: no auxiliary loss."""
    condition_on_prediction: bool = False
    """Also feed the predicted goal, and its offset to the desired goal, to the networks
    that get the features."""
    augment: AugmentKind = "none"
    """Random augmentation, drawn for observations and next observations apart: none; shift,
    by up to 4 pixels (DrQ); color, gains and brightness; shift+color."""


class VisionTrainer:
    """A vision network with its optimizer and its target network."""

    def __init__(self, cfg: VisionCfg, vision: Vision, device: torch.device) -> None:
        self.vision = vision.to(device)
        self.flat = Flat(vision)
        self.vector = self.flat.vector
        self.target = self.vector.clone()
        self.adam = Adam(self.vector, cfg.lr, cfg.max_grad_norm)
        self.predicts = False
        """Whether the auxiliary loss trains the prediction."""

    def tensors(self) -> dict[str, Tensor]:
        """Return every live tensor, by name."""
        adam = {f"adam.{key}": value for key, value in self.adam.state().items()}
        buffers = dict(self.vision.named_buffers())
        return {"online": self.vector, "target": self.target, **adam, **buffers}


class PixelFeatures:
    """Adds the features of pixels to the observation of one network.

    Args:
        name: key of the features in the observation.
        vision: a flat ``Vision``.
        detached: no gradient of the network reaches the encoder.
        conditioned: add what the objective offers for conditioning.
    """

    def __init__(
        self, name: str, vision: Flat, *, detached: bool, conditioned: bool
    ) -> None:
        assert isinstance(vision.module, Vision), vision.module
        self.name, self._flat, self.vision = name, vision, vision.module
        self._detached, self._conditioned = detached, conditioned
        self.vector = vision.vector
        """Parameters of the vision network, (n,)."""
        self.sizes = {name: self.vision.size}
        """Names and lengths of what the network gets of what ``encode`` adds."""
        if conditioned:
            self.sizes[f"{name}.conditioned"] = 2 * self.vision.objective.size

    def encode(self, parameters: Tensor, obs: Obs) -> Obs:
        """Return the observation with features, (B, size), and their prediction."""
        features, prediction = self._flat_of(parameters, obs["pixels"])
        shown = features.detach() if self._detached else features
        seen = {**obs, self.name: shown, f"{self.name}.prediction": prediction}
        if self._conditioned:
            added = self.vision.objective.condition(prediction, obs)
            seen[f"{self.name}.conditioned"] = added
        return seen

    def _flat_of(self, parameters: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        return self._flat(parameters, pixels)  # pyright: ignore[reportReturnType]

    def keypoints(self, encoded: Obs) -> Tensor:
        """Return the spatial-softmax keypoints, (B, channels, 2) in [0, 1]."""
        return self.vision.encoder.keypoints(encoded[self.name])

    def copy(self) -> "PixelFeatures":
        """Return the same on a copy of the vision network."""
        return PixelFeatures(
            self.name,
            self._flat.copy(),
            detached=self._detached,
            conditioned=self._conditioned,
        )

    def buffers(self) -> dict[str, Tensor]:
        """Return the buffers of the vision network, live, by name."""
        return dict(self.vision.named_buffers())


class NoPixelFeatures:
    """The features of a network that gets no pixels."""

    def __init__(self, device: torch.device) -> None:
        self.sizes: dict[str, int] = {}
        self.vector = torch.zeros(0, device=device)

    def encode(self, parameters: Tensor, obs: Obs) -> Obs:
        """Return the observation as it is."""
        return obs

    def keypoints(self, encoded: Obs) -> None:
        """Return None: there are no images."""

    def copy(self) -> "NoPixelFeatures":
        """Return this: there is nothing to copy."""
        return self

    def buffers(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class Route:
    """How one network gets its pixels, and what its update trains."""

    features: PixelFeatures | NoPixelFeatures
    """Adds the features to its observation."""
    target: Tensor
    """Target parameters of the encoder, (n,)."""
    trains: tuple[VisionTrainer, ...]
    """Encoders that the update of this network trains: one or none."""
    aux_weight: float
    """Weight of the auxiliary loss in this update."""

    def encode(self, obs: Obs) -> Obs:
        """Return the observation with features of the present parameters."""
        return self.features.encode(self.features.vector, obs)

    def encode_target(self, obs: Obs) -> Obs:
        """Return the observation with features of the target parameters."""
        return self.features.encode(self.target, obs)

    def auxiliary_loss(self, encoded: Obs) -> tuple[Tensor | float, dict[str, Tensor]]:
        """Return the weighted auxiliary loss of an encoded observation, and metrics."""
        if self.aux_weight == 0 or isinstance(self.features, NoPixelFeatures):
            return 0.0, {}
        prediction = encoded[f"{self.features.name}.prediction"]
        error = self.features.vision.objective.loss(prediction, encoded)
        return self.aux_weight * error, {"train/aux_error": error}


@dataclass(frozen=True)
class VisionRouting:
    """Which network sees through which encoder, and which loss trains it."""

    actor: Route
    """The actor's route."""
    critic: Route
    """The critics' route."""
    trainers: dict[str, VisionTrainer]
    """The encoders, by name; none without pixels."""


def route_pixels(
    cfg: VisionCfg,
    sees: tuple[Network, ...],
    make: Callable[[], Vision],
    device: torch.device,
) -> VisionRouting:
    """Wire encoders to the networks that get pixels.

    Args:
        cfg: gradient routing and so on.
        sees: networks that get pixels.
        make: a fresh vision network on the CPU.
        device: where everything lives.
    """
    trainers: dict[str, VisionTrainer] = {}
    through: dict[Network, VisionTrainer] = {}
    for name in sees:
        key = "vision" if cfg.shared and len(sees) == 2 else f"{name}_vision"
        if key not in trainers:
            trainers[key] = VisionTrainer(cfg, make(), device)
        through[name] = trainers[key]
    trained: tuple[Network, ...] = tuple(
        name for name in _TRAINS[cfg.encoder_gradient] if name in through
    )
    auxiliary = _first_of_each(trained, through)
    alone = cfg.encoder_gradient == "goal-prediction"
    trained = auxiliary if alone else trained
    for name in auxiliary:
        through[name].predicts = cfg.aux_weight > 0

    def route(name: Network) -> Route:
        if name not in through:
            none = NoPixelFeatures(device)
            return Route(none, none.vector, (), 0.0)
        trainer = through[name]
        features = PixelFeatures(
            f"{name}.features",
            trainer.flat,
            detached=alone,
            conditioned=cfg.condition_on_prediction and trainer.predicts,
        )
        trains = (trainer,) if name in trained else ()
        weight = cfg.aux_weight if name in auxiliary else 0.0
        return Route(features, trainer.target, trains, weight)

    return VisionRouting(route("actor"), route("critic"), trainers)


def _first_of_each(
    names: tuple[Network, ...], through: dict[Network, VisionTrainer]
) -> tuple[Network, ...]:
    """Return the first network of each encoder."""
    first: dict[int, Network] = {}
    for name in names:
        first.setdefault(id(through[name]), name)
    return tuple(first.values())

"""Encoders of actor and critics, and the routing of gradients to them.

The rows are losses, the columns are values of ``encoder_gradient``; x: the gradient of
the loss reaches the encoder of its own network.

                     critic   actor   both   goal-prediction   none
    critics' loss      x                x
    actor's loss                 x      x
    auxiliary loss     x         x      x          x

Without an x the features are constants for the loss. A gradient reaches an encoder only
through the inputs of the network that is being updated: the actor's loss never trains
the critics' features. The auxiliary loss is added once for each encoder: to the critics'
loss if that trains the encoder, else to the actor's.

Source of ``critic``: Yarats et al. (2021), "Mastering visual continuous control"
(DrQ-v2), section 3.1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from puckrl.agents.adam import Adam
from puckrl.agents.settings import EncoderGradient, VisionCfg
from puckrl.core.errors import UserError
from puckrl.core.sections import under
from puckrl.core.types import Obs
from puckrl.nets.flat import Flat
from puckrl.representation.vision import Vision, with_goal

Network = Literal["actor", "critic"]

_TRAINS: dict[EncoderGradient, tuple[Network, ...]] = {
    "critic": ("critic",),
    "actor": ("actor",),
    "both": ("critic", "actor"),
    "goal-prediction": ("critic", "actor"),
    "none": (),
}
"""Networks whose updates train their encoder."""


class VisionTrainer:
    """A vision network with its optimizer and target network."""

    def __init__(self, cfg: VisionCfg, vision: Vision, device: torch.device) -> None:
        self.vision = vision.to(device)
        self.flat = Flat(vision)
        self.vector = self.flat.vector
        self.target = self.vector.clone()
        self.adam = Adam(self.vector, cfg.lr, cfg.max_grad_norm)
        self.predicts = False
        """Whether the auxiliary loss trains the objective's prediction."""

    def tensors(self) -> dict[str, Tensor]:
        """Return every live tensor, by name."""
        return {
            "online": self.vector,
            "target": self.target,
            **under("adam", self.adam.state()),
            **dict(self.vision.named_buffers()),
        }


class PixelFeatures:
    """Adds features of the pixels to the observation of one network.

    Args:
        name: key of the features in the observation.
        vision: a flat ``Vision``.
        detached: whether to stop the network's gradient before the encoder.
        conditioned: whether to add the objective's input for conditioning.
        shows_goal: whether to add features of the goal image, by the same encoder. The
            objective then holds for both images: what a goal image achieves is the
            desired goal.
    """

    def __init__(
        self,
        name: str,
        vision: Flat,
        *,
        detached: bool,
        conditioned: bool,
        shows_goal: bool = False,
    ) -> None:
        assert isinstance(vision.module, Vision), vision.module
        self.name, self.flat, self.vision = name, vision, vision.module
        self._detached, self.conditioned = detached, conditioned
        self.shows_goal = shows_goal
        if shows_goal and conditioned and not hasattr(self.vision.objective, "goal"):
            raise UserError(
                f"{type(self.vision.objective).__name__} lacks goal(prediction), by which "
                "networks get the goal of a picture; add it, or use "
                "--agent.vision.no-condition-on-prediction"
            )
        self.vector = vision.vector
        """Parameters of the vision network, (n,)."""
        self.sizes = {name: self.vision.size}
        """Names and lengths of the added vectors that are inputs of the network."""
        if shows_goal:
            self.sizes[f"{name}.goal"] = self.vision.size
        if conditioned:
            self.sizes[f"{name}.conditioned"] = self.vision.objective.condition_size

    def encode(self, parameters: Tensor, obs: Obs) -> Obs:
        """Return the observation with features (B, size) and the objective's prediction."""
        name, images, known = self.name, obs["pixels"], obs
        if self.shows_goal:
            images = with_goal(obs["goal_image"], images)
        features, prediction = self._apply(parameters, images)
        inputs = features.detach() if self._detached else features
        encoded = dict(obs)
        if self.shows_goal:
            inputs, encoded[f"{name}.goal"] = inputs.chunk(2)
            prediction, of_goal = prediction.chunk(2)
            encoded[f"{name}.goal_prediction"] = of_goal
            if self.conditioned:  # on what the picture shows, never on the goal itself
                predicted = self.vision.objective.goal(of_goal.detach())
                known = {**obs, "desired_goal": predicted}
        encoded |= {name: inputs, f"{name}.prediction": prediction}
        if self.conditioned:
            added = self.vision.objective.condition(prediction, known)
            encoded[f"{name}.conditioned"] = added
        return encoded

    def _apply(self, parameters: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        return self.flat(parameters, pixels)  # pyright: ignore[reportReturnType]

    def objective_loss(self, encoded: Obs) -> Tensor:
        """Return the objective's loss of an encoded observation, ()."""
        prediction = encoded[f"{self.name}.prediction"]
        loss = self.vision.objective.loss(prediction, encoded)
        if not self.shows_goal:
            return loss
        achieved = {**encoded, "achieved_goal": encoded["desired_goal"]}
        of_goal = encoded[f"{self.name}.goal_prediction"]
        return loss + self.vision.objective.loss(of_goal, achieved)

    def keypoints(self, encoded: Obs) -> Tensor:
        """Return the spatial-softmax keypoints, (B, channels, 2) in [0, 1]."""
        return self.vision.encoder.keypoints(encoded[self.name])

    def copy(self) -> "PixelFeatures":
        """Return the same with a copy of the vision network."""
        return self._with(self.flat.copy())

    def in_float32(self) -> "PixelFeatures":
        """Return the same computing in float32; every tensor is shared, live."""
        return self._with(self.flat.in_float32())

    def _with(self, vision: Flat) -> "PixelFeatures":
        return PixelFeatures(
            self.name,
            vision,
            detached=self._detached,
            conditioned=self.conditioned,
            shows_goal=self.shows_goal,
        )

    def buffers(self) -> dict[str, Tensor]:
        """Return the buffers of the vision network, live, by name."""
        return dict(self.vision.named_buffers())


class NoPixelFeatures:
    """Stands for ``PixelFeatures`` in a network without pixels."""

    def __init__(self, device: torch.device) -> None:
        self.sizes: dict[str, int] = {}
        self.vector = torch.zeros(0, device=device)

    def encode(self, parameters: Tensor, obs: Obs) -> Obs:
        """Return the observation unchanged."""
        return obs

    def objective_loss(self, encoded: Obs) -> Tensor:
        """Return 0: there is no objective."""
        return self.vector.sum()

    def keypoints(self, encoded: Obs) -> None:
        """Return None: there are no images."""

    def copy(self) -> "NoPixelFeatures":
        """Return this: there is nothing to copy."""
        return self

    def in_float32(self) -> "NoPixelFeatures":
        """Return this: there is nothing to compute."""
        return self

    def buffers(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class Route:
    """The encoder of one network, and the encoders that its update trains."""

    features: PixelFeatures | NoPixelFeatures
    """Adds features to the network's observation."""
    target: Tensor
    """Target parameters of the encoder, (n,)."""
    trains: tuple[VisionTrainer, ...]
    """Encoders that the network's update trains: one or none."""
    aux_weight: float
    """Weight of the auxiliary loss in this update."""

    def encode(self, obs: Obs) -> Obs:
        """Return the observation with features of the online parameters."""
        return self.features.encode(self.features.vector, obs)

    def encode_target(self, obs: Obs) -> Obs:
        """Return the observation with features of the target parameters."""
        return self.features.encode(self.target, obs)

    def auxiliary_loss(self, encoded: Obs) -> tuple[Tensor | float, dict[str, Tensor]]:
        """Return the weighted auxiliary loss of an encoded observation, and metrics."""
        if self.aux_weight == 0:
            return 0.0, {}
        error = self.features.objective_loss(encoded)
        return self.aux_weight * error, {"train/aux_error": error}


@dataclass(frozen=True)
class VisionRouting:
    """The encoder of each network, and the loss that trains it."""

    actor: Route
    """The actor's route."""
    critic: Route
    """The critics' route."""
    trainers: dict[str, VisionTrainer]
    """The encoders, by name; {} without pixels."""


def route_pixels(
    cfg: VisionCfg,
    sees: tuple[Network, ...],
    make: Callable[[], Vision],
    device: torch.device,
    *,
    shown: tuple[Network, ...] = (),
) -> VisionRouting:
    """Assign encoders to the networks that get pixels.

    Args:
        cfg: settings of encoders and gradient routing.
        sees: networks that get pixels.
        make: makes a vision network on the CPU.
        device: device of the encoders.
        shown: networks that get goal images too.
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
    auxiliary_only = cfg.encoder_gradient == "goal-prediction"
    trained = auxiliary if auxiliary_only else trained
    for name in auxiliary:
        encoders[name].predicts = cfg.aux_weight > 0

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
        trains = (trainer,) if name in trained else ()
        weight = cfg.aux_weight if name in auxiliary else 0.0
        return Route(features, trainer.target, trains, weight)

    return VisionRouting(route("actor"), route("critic"), trainers)


def _first_of_each(
    names: tuple[Network, ...], encoders: dict[Network, VisionTrainer]
) -> tuple[Network, ...]:
    """Return the first network of each encoder, in the order of ``names``."""
    first: dict[int, Network] = {}
    for name in names:
        first.setdefault(id(encoders[name]), name)
    return tuple(first.values())

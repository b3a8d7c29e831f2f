"""What a network gets of the pixels: features, and an objective's prediction."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Obs
from puckrl.nets.flat import Flat
from puckrl.representation.self_supervised import frames_of
from puckrl.representation.vision import Vision, with_goal


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
        encoded |= {
            name: inputs,
            f"{name}.prediction": prediction,
            f"{name}.live": features[: len(obs["pixels"])],
        }
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

    def self_supervised_loss(
        self, parameters: Tensor, heads: Callable[..., Any], encoded: Obs
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of self-supervised objectives, (), and their metrics.

        Args:
            parameters: of the vision network, (n,).
            heads: maps an encoder, features and frames to loss and metrics.
            encoded: an encoded observation with what the objectives need.
        """

        def encode(pixels: Tensor) -> Tensor:
            return self._apply(parameters, pixels)[0]

        return heads(encode, encoded[f"{self.name}.live"], frames_of(encoded))

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

    def self_supervised_loss(
        self, parameters: Tensor, heads: Callable[..., Any], encoded: Obs
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return 0: there is no objective."""
        return self.vector.sum(), {}

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

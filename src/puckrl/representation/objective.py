"""The protocol of auxiliary objectives of an encoder."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from puckrl.core.types import Obs


class Objective(Protocol):
    """A head on an encoder's features, with a loss and health metrics.

    An objective is a module; its parameters are trained with the encoder's.
    """

    condition_size: int
    """Length of what ``condition`` returns."""

    def __call__(self, features: Tensor) -> Tensor:
        """Return the prediction (B, ...) from features (B, features)."""
        ...

    def loss(self, prediction: Tensor, obs: Obs) -> Tensor:
        """Return the loss of a prediction, ()."""
        ...

    def condition(self, prediction: Tensor, obs: Obs) -> Tensor:
        """Return the input of networks conditioned on the prediction, (B, n)."""
        ...

    def goal(self, prediction: Tensor) -> Tensor:
        """Return the goal that an image achieves, (B, goal_dim), by its prediction.

        Only networks need it that are conditioned on predictions of a goal image.
        """
        ...

    def update_normalizer(self, obs: Obs) -> None:
        """Add observations (..., dim) to the running statistics of the target."""
        ...

    def health(
        self, prediction: Tensor, obs: Obs, distance: Callable[..., Tensor]
    ) -> dict[str, float]:
        """Return metrics of how well the objective is met, by name in the log."""
        ...

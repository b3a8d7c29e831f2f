"""What trains an encoder besides the losses of actor and critics."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from puckrl.core.types import Obs


class Objective(Protocol):
    """A head on an encoder's features, with a loss and a health gauge.

    An objective is a module: its parameters are trained with the encoder's.
    """

    size: int
    """Length of the prediction."""

    def __call__(self, features: Tensor) -> Tensor:
        """Return the prediction of features (B, features), (B, size)."""
        ...

    def loss(self, prediction: Tensor, obs: Obs) -> Tensor:
        """Return the loss of a prediction, ()."""
        ...

    def condition(self, prediction: Tensor, obs: Obs) -> Tensor:
        """Return what a network that is conditioned on the prediction gets, (B, 2 size)."""
        ...

    def update_normalizer(self, obs: Obs) -> None:
        """Add observations (..., dim) to the running statistics of the target."""
        ...

    def health(
        self, prediction: Tensor, obs: Obs, distance: Callable[..., Tensor]
    ) -> dict[str, float]:
        """Return what tells whether the objective is met, by the names of the log."""
        ...

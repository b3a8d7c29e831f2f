"""The policy that is judged and kept: a mean of the weights that the learning one had.

A learning policy is thrown about by its last batches; a mean of its last weights is not.
After round t, with s the share of the rounds so far that count most,

    θ̄ ← θ̄ + (θ - θ̄) / (1 + s (t - 1))

so the mean forgets the beginning at the pace at which the run grows: with s = 1 it is
that of all rounds, with s = 0 the newest weights.

Source: Shamir and Zhang (2013), "Stochastic gradient descent for non-smooth
optimization", section 4: polynomial-decay averaging, with η = 1/s - 1.
"""

from collections.abc import Mapping

import torch
from torch import Tensor


class WeightAverage:
    """Means of parameter vectors.

    Args:
        share: s, in [0, 1].
        vectors: the vectors as they begin, by name.
    """

    def __init__(self, share: float, vectors: Mapping[str, Tensor]) -> None:
        self._share, self._now = share, dict(vectors)
        self.means = {name: vector.clone() for name, vector in vectors.items()}
        """The means, by name; the vectors themselves before the first round."""
        device = next(iter(vectors.values())).device
        self.rounds = torch.zeros((), device=device)
        """PendingUpdates so far, float32: a recorded round counts them too."""

    def note(self) -> None:
        """A round is over: take the vectors in."""
        weight = 1.0 / (1.0 + self._share * self.rounds)
        for name, vector in self._now.items():
            self.means[name].lerp_(vector, weight)
        self.rounds.add_(1.0)

    def tensors(self) -> dict[str, Tensor]:
        """Every live tensor, by name."""
        return {**self.means, "rounds": self.rounds}

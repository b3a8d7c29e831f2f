"""The policy that is judged and kept: an average of the weights of the learning one.

The last batches throw a learning policy about; the average of its last weights stays.
After update round t, with s the share of the rounds so far that count most,

    θ̄ ← θ̄ + (θ - θ̄) / (1 + s (t - 1))

so the average forgets the beginning at the pace at which the run grows: s = 1 averages
all rounds, s = 0 keeps the newest weights.

Source: Shamir and Zhang (2013), "Stochastic gradient descent for non-smooth
optimization", section 4: polynomial-decay averaging, with η = 1/s - 1.
"""

from collections.abc import Mapping

import torch
from torch import Tensor


class WeightAverage:
    """Averages of parameter vectors.

    Args:
        share: s, in [0, 1].
        vectors: the live vectors, by name.
    """

    def __init__(self, share: float, vectors: Mapping[str, Tensor]) -> None:
        self._share, self._online = share, dict(vectors)
        self.vectors = {name: vector.clone() for name, vector in vectors.items()}
        """The averages, by name; the vectors themselves before the first round."""
        device = next(iter(vectors.values())).device
        self.rounds = torch.zeros((), device=device)
        """Rounds so far, float32: a recorded CUDA graph counts them too."""

    def update(self) -> None:
        """Take in the vectors at the end of a round."""
        weight = 1.0 / (1.0 + self._share * self.rounds)
        for name, vector in self._online.items():
            self.vectors[name].lerp_(vector, weight)
        self.rounds.add_(1.0)

    def tensors(self) -> dict[str, Tensor]:
        """Return every live tensor, by name."""
        return {**self.vectors, "rounds": self.rounds}

"""An average of the trained policy's weights, which is evaluated and saved.

Every batch perturbs the trained weights; their average over the last rounds is steadier.
With s the share of all rounds so far to average over, the average after round t is

    θ̄ ← θ̄ + (θ - θ̄) / (1 + s (t - 1))

The averaging window grows with the run: s = 1 averages all rounds, s = 0 keeps the
newest weights.

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
        """The averages, by name; before the first round they equal the vectors."""
        device = next(iter(vectors.values())).device
        self.rounds = torch.zeros((), device=device)
        """Rounds so far, () float32; a tensor, so that a recorded CUDA graph counts too."""

    def update(self) -> None:
        """Update the averages at the end of a round."""
        weight = 1.0 / (1.0 + self._share * self.rounds)
        for name, vector in self._online.items():
            self.vectors[name].lerp_(vector, weight)
        self.rounds.add_(1.0)

    def tensors(self) -> dict[str, Tensor]:
        """Return every live tensor, by name."""
        return {**self.vectors, "rounds": self.rounds}

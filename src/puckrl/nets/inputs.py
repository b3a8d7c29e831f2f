"""What a network sees of an observation, normalized."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from puckrl.core import team
from puckrl.core.types import Obs

_CLIP = 5.0
_STD_FLOOR = 1e-3


class Normalizer(nn.Module):
    """Vectors in units of their spread: (x - mean) / std, clipped to +-5.

    Mean and deviation are of everything that ``update`` was shown; a deviation counts as
    0.001 at least, so that a column that never varied is 0.

    Args:
        size: length of the vectors.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.mean: Tensor
        self.scale: Tensor
        self.moments: Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        # count, sum, sum of squares: float64, so that they can be summed for days
        self.register_buffer("moments", torch.zeros(3, size, dtype=torch.float64))

    def normalize(self, x: Tensor) -> Tensor:
        """Normalized vectors, (..., size) float32."""
        return ((x - self.mean) * self.scale).clamp(-_CLIP, _CLIP)

    def denormalize(self, x: Tensor) -> Tensor:
        """The vectors behind normalized ones that were not clipped, (..., size)."""
        return x / self.scale + self.mean

    @torch.no_grad()
    def update(self, x: Tensor) -> None:
        """Add vectors (..., size) of all processes to the running mean and deviation."""
        x = x.double().reshape(-1, self.size)
        count = torch.full_like(self.mean, len(x), dtype=torch.float64)
        self.moments += team.total(torch.stack([count, x.sum(0), x.square().sum(0)]))
        count, total, squares = self.moments
        mean = total / count
        std = (squares / count - mean.square()).clamp_min(0.0).sqrt()
        self.mean.copy_(mean)
        self.scale.copy_(1.0 / std.clamp_min(_STD_FLOOR))


class VectorInput(Normalizer):
    """Chosen state columns, the goal and the way to it; then features as they are.

    Output columns: state[columns], desired_goal, desired_goal - achieved_goal, all
    normalized; behind them ``obs[name]`` for every name in ``features``.

    Args:
        columns: columns of the state vector that this network may see.
        goal_dim: length of the goals.
        show_achieved: whether achieved_goal may be used; if not, there is no
            difference column.
        features: names and lengths of vectors that are appended unchanged.
    """

    def __init__(
        self,
        columns: Sequence[int],
        goal_dim: int,
        *,
        show_achieved: bool = True,
        features: dict[str, int] | None = None,
    ) -> None:
        super().__init__(len(columns) + goal_dim * (2 if show_achieved else 1))
        self.show_achieved = show_achieved
        self.features = features or {}
        self.width = self.size + sum(self.features.values())
        """Numbers out."""
        self.columns: Tensor
        self.register_buffer(
            "columns", torch.as_tensor(list(columns), dtype=torch.int64)
        )

    def raw(self, obs: Obs) -> Tensor:
        """The columns before normalization, (..., size)."""
        goal = obs["desired_goal"]
        parts = [obs["state"][..., self.columns], goal]
        if self.show_achieved:
            parts.append(goal - obs["achieved_goal"])
        return torch.cat(parts, dim=-1).float()

    def forward(self, obs: Obs) -> Tensor:
        """What the network sees, (B, width) float32."""
        normalized = self.normalize(self.raw(obs))
        return torch.cat([normalized, *(obs[name] for name in self.features)], dim=-1)

    def update_from(self, obs: Obs) -> None:
        """Add observations (..., dim) to the running mean and standard deviation."""
        self.update(self.raw(obs))

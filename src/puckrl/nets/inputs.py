"""Select and normalize a network's inputs from an observation."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from puckrl.core import team
from puckrl.core.types import HISTORY, HISTORY_STEP, Obs
from puckrl.nets.flat import Flat
from puckrl.nets.recurrent import Memory

MEMORY = "features.memory"
"""Where an actor, or critics, have the network of their memory."""
_CLIP = 5.0
_STD_FLOOR = 1e-3


class Normalizer(nn.Module):
    """Normalize vectors to (x - mean) / std, clipped to [-5, 5].

    Mean and standard deviation are those of all vectors passed to ``update``. The standard
    deviation is at least 0.001, so a column that never varied becomes 0.

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
        # count, sum, sum of squares: float64, so that sums over days stay exact enough
        self.register_buffer("moments", torch.zeros(3, size, dtype=torch.float64))

    def normalize(self, x: Tensor) -> Tensor:
        """Return normalized vectors, (..., size) float32."""
        return ((x - self.mean) * self.scale).clamp(-_CLIP, _CLIP)

    def denormalize(self, x: Tensor) -> Tensor:
        """Return the vectors of normalized ones that were not clipped, (..., size)."""
        return x / self.scale + self.mean

    @torch.no_grad()
    def update(self, x: Tensor) -> None:
        """Add vectors (..., size) of all processes to the mean and standard deviation."""
        if not self.size:  # a network that gets images only
            return
        x = x.double().reshape(-1, self.size)
        count = torch.full_like(self.mean, len(x), dtype=torch.float64)
        self.moments += team.total(torch.stack([count, x.sum(0), x.square().sum(0)]))
        count, total, squares = self.moments
        mean = total / count
        std = (squares / count - mean.square()).clamp_min(0.0).sqrt()
        self.mean.copy_(mean)
        self.scale.copy_(1.0 / std.clamp_min(_STD_FLOOR))


class VectorInput(Normalizer):
    """Concatenate chosen state columns, the goal, the offset to it, features, and memory.

    Output columns: state[columns], desired_goal, desired_goal - achieved_goal, all
    normalized; then ``obs[name]`` for every name in ``features``; then the features of the
    memory. That reads the normalized state columns of an episode and no goals, so that
    hindsight may give every transition of a sequence a goal of its own.

    Args:
        columns: columns of the state vector that this network gets.
        goal_dim: length of the goals.
        show_achieved: whether the network gets the offset, desired_goal - achieved_goal.
        show_goal: whether the network gets desired_goal.
        features: names and lengths of vectors that are appended unchanged.
        fixed_goal: whether goals are normalized by the statistics of achieved goals, as
            those of hindsight are, because desired goals never differ.
        memory: what this network remembers; None: nothing.
        name: of the network. Where an observation has no history, ``obs["NAME.memory"]``
            are the features of the memory.
    """

    def __init__(
        self,
        columns: Sequence[int],
        goal_dim: int,
        *,
        show_achieved: bool = True,
        show_goal: bool = True,
        features: dict[str, int] | None = None,
        fixed_goal: bool = False,
        memory: Memory | None = None,
        name: str = "",
    ) -> None:
        super().__init__(len(columns) + goal_dim * (show_goal + show_achieved))
        self.show_achieved, self.fixed_goal = show_achieved, fixed_goal
        self.show_goal = show_goal
        self.features = features or {}
        self.memory, self.remembered_as = memory, f"{name}.memory"
        remembered = 0 if memory is None else memory.size
        self.width = self.size + sum(self.features.values()) + remembered
        """Number of output columns."""
        self.columns: Tensor
        self.register_buffer(
            "columns", torch.as_tensor(list(columns), dtype=torch.int64)
        )

    def raw(self, obs: Obs) -> Tensor:
        """Return the columns before normalization, (..., size)."""
        parts = [obs["state"][..., self.columns]]
        if self.show_goal:
            parts.append(obs["desired_goal"])
        if self.show_achieved:
            parts.append(obs["desired_goal"] - obs["achieved_goal"])
        return torch.cat(parts, dim=-1).float()

    def forward(self, obs: Obs) -> Tensor:
        """Return the network's input, (B, width) float32."""
        normalized = self.normalize(self.raw(obs))
        parts = [normalized, *(obs[name] for name in self.features)]
        if self.memory is not None:
            parts.append(self._remembered(obs, self.memory))
        return torch.cat(parts, dim=-1)

    def vectors(self, state: Tensor) -> Tensor:
        """Return what the memory reads of states (..., state_dim): (..., columns)."""
        count = len(self.columns)
        x = (state[..., self.columns].float() - self.mean[:count]) * self.scale[:count]
        return x.clamp(-_CLIP, _CLIP)

    def _remembered(self, obs: Obs, memory: Memory) -> Tensor:
        """Return the memory's features, (B, memory.size)."""
        if self.remembered_as in obs:
            return obs[self.remembered_as]
        return memory.at(self.vectors(obs[HISTORY]), obs[HISTORY_STEP])

    def with_memory(self, obs: Obs) -> Obs:
        """Return the observation with the memory's features in place of a look-up later."""
        if self.memory is None:
            return obs
        return {**obs, self.remembered_as: self._remembered(obs, self.memory)}

    def update_from(self, obs: Obs) -> None:
        """Add observations (..., dim) to the running mean and standard deviation."""
        raw, goal = self.raw(obs), obs["achieved_goal"]
        if self.fixed_goal and self.show_goal:
            first = len(self.columns)
            raw[..., first : first + goal.shape[-1]] = goal
        self.update(raw)


def inputs_of(network: Flat) -> VectorInput:
    """Return the inputs of an actor, or of critics."""
    inputs = network.module.get_submodule("features")
    assert isinstance(inputs, VectorInput)
    return inputs

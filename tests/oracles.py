"""Slow, obvious versions of what the package computes fast."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from puckrl.nets.blocks import EnsembleMLP

_64_BITS = (1 << 64) - 1


def splitmix64(state: int) -> int:
    """SplitMix64's next output, on Python integers."""
    z = (state + 0x9E3779B97F4A7C15) & _64_BITS
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _64_BITS
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _64_BITS
    return z ^ (z >> 31)


def legal_goal_indices(strategy: str, step: int, length: int) -> list[int]:
    """Where a hindsight goal for ``step`` may come from; the reached goal is step + 1."""
    return {
        "future": list(range(step + 1, length + 1)),
        "final": [length],
        "episode": list(range(1, length + 1)),
    }[strategy]


def frame_stack(
    frames: Sequence[Sequence[Sequence[Sequence[int]]]], index: int, stack: int
) -> list[list[list[int]]]:
    """The last ``stack`` (height, width, channels) frames up to ``index`` as planes."""
    planes: list[list[list[int]]] = []
    for back in reversed(range(stack)):
        frame = frames[max(index - back, 0)]
        for channel in range(len(frame[0][0])):
            planes.append([[pixel[channel] for pixel in row] for row in frame])
    return planes


def still_moving(
    achieved: Sequence[Sequence[float]], length: int, moved_m: float
) -> int:
    """One more than the last step before which the goal is away from where it ends."""
    count = 0
    for index in range(length):
        if math.dist(achieved[index], achieved[length]) > moved_m:
            count = index + 1
    return count


def td_target(
    reward: Sequence[float],
    terminated: Sequence[float],
    next_q: Sequence[Sequence[float]],
    gamma: float,
    bounds: tuple[float, float] | None,
) -> list[float]:
    """Targets one by one; ``next_q`` is indexed by critic, then by sample."""
    targets: list[float] = []
    for i in range(len(reward)):
        least = min(q[i] for q in next_q)
        y = reward[i] + (0.0 if terminated[i] else gamma * least)
        if bounds is not None:
            y = min(max(y, bounds[0]), bounds[1])
        targets.append(y)
    return targets


def critic_loss(q: Sequence[Sequence[float]], target: Sequence[float]) -> float:
    """Sum over critics of the mean squared error."""
    total = 0.0
    for member in q:
        errors = [(a - y) ** 2 for a, y in zip(member, target, strict=True)]
        total += sum(errors) / len(errors)
    return total


class PlainMLP(nn.Module):
    """The members of an ``EnsembleMLP`` as separate torch networks with its weights."""

    def __init__(self, mlp: EnsembleMLP) -> None:
        super().__init__()
        self.members = nn.ModuleList(_member(mlp, e) for e in range(mlp.ensemble))

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([member(x) for member in self.members])

    def vector(self) -> Tensor:
        """The parameters in the order in which the package flattens them."""
        parts: list[Tensor] = []
        layers = [[m for m in net if isinstance(m, nn.Linear)] for net in self._nets()]
        for same_depth in zip(*layers, strict=True):
            parts += [layer.weight.T.reshape(-1) for layer in same_depth]
            parts += [layer.bias for layer in same_depth]
        return torch.cat(parts).detach()

    def _nets(self) -> list[nn.Sequential]:
        return [net for net in self.members if isinstance(net, nn.Sequential)]


def _member(mlp: EnsembleMLP, index: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for block in mlp.hidden:
        linear = _linear(block, index)
        layers.append(linear)
        if mlp.layer_norm:
            layers.append(nn.LayerNorm(linear.out_features, elementwise_affine=False))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, _linear(mlp.head, index))


def _linear(block: nn.Module, index: int) -> nn.Linear:
    weight, bias = block.get_parameter("weight"), block.get_parameter("bias")
    layer = nn.Linear(weight.shape[1], weight.shape[2])
    layer.weight.data = weight[index].detach().T.clone()
    layer.bias.data = bias[index, 0].detach().clone()
    return layer


def apart(base: Sequence[float], arm: Sequence[float]) -> float:
    """How far apart two arms are: t² / (t² + n), with a part of the pairs' covariance."""
    n = len(base)
    mean_base, mean_arm = sum(base) / n, sum(arm) / n
    squares = sum((x - mean_base) ** 2 for x in base)
    squares += sum((y - mean_arm) ** 2 for y in arm)
    pairs = zip(base, arm, strict=True)
    together = sum((x - mean_base) * (y - mean_arm) for x, y in pairs)
    variance = (squares - 2 * (n - 2) / n * max(0.0, together)) / (n - 1)
    difference = mean_arm - mean_base
    if abs(difference) < 1e-12:
        return 0.0
    if variance <= 0:
        return 1.0
    t_squared = difference**2 / (variance / n)
    return t_squared / (t_squared + n)


def rejected_ways(
    apart_at: Sequence[Sequence[float]], spent: Sequence[float], level: float
) -> list[set[int]]:
    """Ways that are rejected up to each look; ``apart_at`` is indexed by way, then look."""
    gone: set[int] = set()
    found: list[set[int]] = []
    for look, share in enumerate(spent):
        allowed = int(level * share * len(apart_at) + 1e-9)
        heights = sorted({way[look] for way in apart_at}, reverse=True)
        best = gone
        for height in heights:
            more = gone | {i for i, w in enumerate(apart_at) if w[look] >= height}
            if len(more) > allowed:
                break
            best = more
        gone = best
        found.append(set(gone))
    return found

"""Building blocks of the scripted experts: reading a state, moving the hand.

An expert is a function of the observation alone. Its stages are therefore told
apart by geometry: which stage a world is in is read from where things are, so a
disturbed world falls back to the right stage by itself.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from puckrl.core.types import Obs

_GAIN_PER_M = 25.0
OPEN, CLOSE = 1.0, -1.0
"""Fourth component of the action."""


class Layout(NamedTuple):
    """The parts of a 25-column state that a script looks at.

    ============ ========================================= ====== ========
    field        meaning                                   unit   shape
    ============ ========================================= ====== ========
    hand         position of the gripper                   m      (n, 3)
    object       position of the object                    m      (n, 3)
    fingers      mean distance of a finger from the middle m      (n,)
    object_step  velocity of the object                    m/step (n, 3)
    goal         where the object should be                m      (n, 3)
    ============ ========================================= ====== ========
    """

    hand: Tensor
    object: Tensor
    fingers: Tensor
    object_step: Tensor
    goal: Tensor


def read(obs: Obs) -> Layout:
    """Columns as in the table on top of ``puckrl.tasks.fetch.fetch``."""
    state = obs["state"]
    return Layout(
        hand=state[:, :3],
        object=state[:, 3:6],
        fingers=state[:, 9:11].mean(dim=1),
        object_step=state[:, 14:17] + state[:, 20:23],
        goal=obs["desired_goal"],
    )


def at_height(xy: Tensor, z: Tensor | float) -> Tensor:
    """Points above or below ``xy``: (n, >=2), height in m -> (n, 3)."""
    height = torch.as_tensor(z, dtype=xy.dtype, device=xy.device)
    return torch.cat([xy[:, :2], height.expand(len(xy))[:, None]], dim=1)


def move(offset: Tensor, fingers: Tensor | float = 0.0) -> Tensor:
    """The action that moves the hand by ``offset`` (n, 3) m as fast as it can stop.

    A full action moves the hand by 33 mm, and it stops within 3 mm once the
    action is zero (measured): proportional control does not overshoot.

    Returns:
        (n, 4), in [-1, 1].
    """
    grip = torch.as_tensor(fingers, dtype=offset.dtype, device=offset.device)
    return torch.cat(
        [(offset * _GAIN_PER_M).clamp(-1, 1), grip.expand(len(offset))[:, None]], dim=1
    )


def first(*stages: tuple[Tensor, Tensor], otherwise: Tensor) -> Tensor:
    """The value of the first stage whose condition holds, world by world.

    Args:
        *stages: condition (n,) bool and value (n, k), the most advanced stage first.
        otherwise: the value where no condition holds, (n, k).
    """
    chosen = otherwise
    for condition, value in reversed(stages):
        chosen = torch.where(condition[:, None], value, chosen)
    return chosen


def horizontal(offset: Tensor) -> Tensor:
    """Length of the horizontal part, (n, >=2) -> (n,)."""
    return torch.linalg.vector_norm(offset[:, :2], dim=1)


def interpolate(x: Tensor, xs: tuple[float, ...], ys: tuple[float, ...]) -> Tensor:
    """Piecewise linear through (xs, ys), constant outside; xs ascend, (n,) -> (n,)."""
    knots, values = x.new_tensor(xs), x.new_tensor(ys)
    right = torch.bucketize(x, knots).clamp(1, len(xs) - 1)
    left = right - 1
    share = (x - knots[left]) / (knots[right] - knots[left])
    return torch.lerp(values[left], values[right], share.clamp(0.0, 1.0))

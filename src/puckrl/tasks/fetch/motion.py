"""Build scripted experts: read a state, move the hand.

An expert is a function of the observation alone. It infers the stage of a world from the
positions of hand, object and goal, so that a disturbed world returns to the right stage.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from puckrl.core.types import Obs

_GAIN_PER_M = 25.0
OPEN, CLOSE = 1.0, -1.0
"""Fourth component of the action."""


class Layout(NamedTuple):
    """Hold the parts of a 25-column state that a script uses.

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
    """Read the columns of the table on top of ``puckrl.tasks.fetch.fetch``."""
    state = obs["state"]
    return Layout(
        hand=state[:, :3],
        object=state[:, 3:6],
        fingers=state[:, 9:11].mean(dim=1),
        object_step=state[:, 14:17] + state[:, 20:23],
        goal=obs["desired_goal"],
    )


def at_height(xy: Tensor, z: Tensor | float) -> Tensor:
    """Return points above or below ``xy``: (n, >=2), height in m -> (n, 3)."""
    height = torch.as_tensor(z, dtype=xy.dtype, device=xy.device)
    return torch.cat([xy[:, :2], height.expand(len(xy))[:, None]], dim=1)


def move(offset: Tensor, fingers: Tensor | float = 0.0) -> Tensor:
    """Return the action that moves the hand by ``offset``, (n, 3) m, without overshoot.

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
    """Return the value of the first stage whose condition holds, world by world.

    Args:
        *stages: condition (n,) bool and value (n, k), the most advanced stage first.
        otherwise: value where no condition holds, (n, k).
    """
    chosen = otherwise
    for condition, value in reversed(stages):
        chosen = torch.where(condition[:, None], value, chosen)
    return chosen


def horizontal(offset: Tensor) -> Tensor:
    """Return the length of the horizontal part, (n, >=2) -> (n,)."""
    return torch.linalg.vector_norm(offset[:, :2], dim=1)


def interpolate(x: Tensor, xs: tuple[float, ...], ys: tuple[float, ...]) -> Tensor:
    """Interpolate linearly through (xs, ys), constant outside; xs ascend, (n,) -> (n,)."""
    knots, values = x.new_tensor(xs), x.new_tensor(ys)
    right = torch.bucketize(x, knots).clamp(1, len(xs) - 1)
    left = right - 1
    share = (x - knots[left]) / (knots[right] - knots[left])
    return torch.lerp(values[left], values[right], share.clamp(0.0, 1.0))

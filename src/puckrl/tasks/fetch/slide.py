"""Define FetchSlide: hit a puck so that it stops at a goal out of reach."""

from typing import NamedTuple

import torch
from torch import Tensor

from puckrl.core.types import Obs
from puckrl.tasks.fetch.fetch import FetchCfg, FetchTask
from puckrl.tasks.fetch.motion import (
    Layout,
    at_height,
    first,
    horizontal,
    interpolate,
    move,
    read,
)
from puckrl.tasks.sanity import Landmark, Sanity, around

_HOVER_Z_M = 0.48
_LOW_Z_M, _TOUCH_Z_M = 0.436, 0.4555
"""A hand between these heights, and over the puck, presses it onto the table."""
_PRESS_Z_M = 0.449
"""Target height of a pressing hand. Deeper, the fingers sink into the puck and eject it."""
_PRESS_GAIN_PER_M = 66.0
_OVER_M = 0.026
_ALIGNED_M = 0.014
_CENTER_GAIN_PER_M = 1.5
_CARRY_X_M = 1.2
"""The hand drags the puck all the way to nearer goals; beyond, the arm tilts."""
_CARRY_GAIN_PER_M, _CARRY_SPEED = 10.0, 0.9
_RELEASE_X_M = 1.16
_FARTHEST_M = 0.39
_GOOD_ENOUGH_M = 0.042
"""The hand leaves a puck that is nearer to its goal than this."""
_OUT_OF_REACH_X_M = 1.25
# How far a puck goes, dragged at full speed, when the hand lifts with the action given
# below it: the slower the lift, the later in the control step the hand lets go, and the
# faster it then is. 5 % less than the medians of 720 throws: that hit more often.
_THROW_M = (0.162, 0.171, 0.19, 0.218, 0.257, 0.31, 0.374, 0.39)
_LIFT = (1.0, 0.88, 0.75, 0.65, 0.55, 0.45, 0.35, 0.3)
# With the fastest lift a drag at the share c of full speed goes 0.133 c² + 0.043 c (m).
_SHORT_M = (0.043, 0.133)


class FetchSlide(FetchTask):
    """Place goals in a square of 0.6 m whose center is 0.4 m ahead of the gripper."""

    cfg = FetchCfg(
        scene="slide",
        slide0=0.05,
        extra_height=-0.02,
        object_start=(1.7, 1.1, 0.41),
        object_range=0.1,
        goal_range=0.3,
        goal_offset_x=0.4,
    )

    sanity = Sanity(
        landmarks=(
            around("gripper", (0, 1, 2), (1.013, 0.749, 0.416), 0.005),
            Landmark("object", (3, 4, 5), (0.911, 0.647, 0.415), (1.115, 0.851, 0.425)),
        ),
        random_moved=(0.03, 0.6),
        expert_success=(0.35, 1.0),
    )

    def expert(self, obs: Obs) -> Tensor:
        """Press on the puck, drag it, and lift so that it slides on to the goal.

        It solves 55-60 % of 512 episodes (two seeds): nine of ten goals up to x = 1.3 m,
        three of four up to 1.5 m, hardly any beyond 1.6 m, which is farther than a puck
        slides at the speed of the hand.
        """
        scene = read(obs)
        offset, height = scene.object - scene.hand, scene.hand[:, 2]
        way = (scene.goal - scene.object)[:, :2]
        speed_step = horizontal(scene.object_step)
        throw = _throw(way)
        pressed = (height < _TOUCH_Z_M) & (height > _LOW_Z_M)
        pressed &= horizontal(offset) < _OVER_M

        arrived = (horizontal(way) < 0.02) & (speed_step < 0.004)
        near = scene.goal[:, 0] < _CARRY_X_M
        in_range = throw.distance_m < _FARTHEST_M
        forward = (scene.object_step[:, :2] * throw.direction).sum(dim=1)
        moving = forward > 0.016 * throw.drive
        ready = (in_range | (scene.object[:, 0] > _RELEASE_X_M)) & moving
        leave = horizontal(way) < _GOOD_ENOUGH_M
        leave |= scene.object[:, 0] > _OUT_OF_REACH_X_M
        leave |= speed_step > 0.006
        return first(
            (pressed & ~arrived, _handle(scene, throw, near, ready)),
            (arrived | leave, move(at_height(0.0 * way, _HOVER_Z_M - height))),
            (horizontal(offset) < _ALIGNED_M, _descend(offset, height)),
            (
                height > _HOVER_Z_M - 0.015,
                move(at_height(offset, _HOVER_Z_M - height)),
            ),
            otherwise=move(at_height(0.0 * way, _HOVER_Z_M + 0.02 - height)),
        )


class _Throw(NamedTuple):
    """Describe how to launch the puck.

    ========== =================================================== ====== ======
    field      meaning                                             unit   shape
    ========== =================================================== ====== ======
    direction  unit vector of the puck's velocity at the release          (n, 2)
    distance_m distance along the axis on which it is farther      m      (n,)
    drive      share of the hand's full speed while dragging              (n,)
    ========== =================================================== ====== ======
    """

    direction: Tensor
    distance_m: Tensor
    drive: Tensor


def _throw(way: Tensor) -> _Throw:
    """Return the throw that covers ``way``, (n, 2) m.

    The scene's friction cone is a pyramid: friction brakes only the faster axis until
    both are equally fast, then both at half the rate. With u >= v the puck
    stops after (u² + v²) / 2a and uv / a; solved for u and v,
    u ± v = sqrt(2a (x ± y)), and u² + v² depends on the longer way only.
    """
    long, short = way.abs().amax(dim=1), way.abs().amin(dim=1)
    total, difference = (long + short).sqrt(), (long - short).sqrt()
    fast, slow = (total + difference) / 2, (total - difference) / 2
    x_is_long = way[:, 0].abs() >= way[:, 1].abs()
    velocity = way.sign() * torch.stack(
        [torch.where(x_is_long, fast, slow), torch.where(x_is_long, slow, fast)], dim=1
    )
    direction = velocity / horizontal(velocity).clamp(min=1e-6)[:, None]
    linear, square = _SHORT_M
    drive = ((linear**2 + 4 * square * long).sqrt() - linear) / (2 * square)
    return _Throw(direction, long, drive.clamp(0.0, 1.0))


def _handle(scene: Layout, throw: _Throw, near: Tensor, ready: Tensor) -> Tensor:
    """Return the action of a pressing hand: carry to a near goal, else drag and throw."""
    way = (scene.goal - scene.object)[:, :2]
    press = ((_PRESS_Z_M - scene.hand[:, 2]) * _PRESS_GAIN_PER_M).clamp(-0.6, 0.6)
    center = _CENTER_GAIN_PER_M * (scene.object - scene.hand)[:, :2]
    pull = _CARRY_GAIN_PER_M * way
    pull = pull * (_CARRY_SPEED / horizontal(pull).clamp(min=_CARRY_SPEED))[:, None]
    drag = throw.drive[:, None] * throw.direction
    lift = interpolate(throw.distance_m, _THROW_M, _LIFT)
    return first(
        (near, _action(pull + center, press)),
        (ready, _action(drag, lift)),
        otherwise=_action(drag + center, press),
    )


def _descend(offset: Tensor, height: Tensor) -> Tensor:
    """Move down to the puck fast, then gently onto it."""
    press = ((_PRESS_Z_M - height) * _PRESS_GAIN_PER_M).clamp(-0.6, 0.6)
    down = torch.where(height > 0.46, -1.0, press)
    return _action(25.0 * offset[:, :2], down)


def _action(horizontal_part: Tensor, vertical: Tensor) -> Tensor:
    """Return an action with closed fingers, (n, 2) and (n,) -> (n, 4) in [-1, 1]."""
    fingers = torch.zeros_like(vertical)[:, None]
    return torch.cat([horizontal_part, vertical[:, None], fingers], dim=1).clamp(-1, 1)

"""Define FetchPush: push a cube over the table with closed fingers."""

from torch import Tensor

from puckrl.core.types import Obs
from puckrl.tasks.fetch.fetch import FetchCfg, FetchTask
from puckrl.tasks.fetch.motion import at_height, first, horizontal, move, read
from puckrl.tasks.sanity import Landmark, Sanity, around

_PUSH_Z_M = 0.42
_LOW_Z_M = 0.435
_HOVER_Z_M = 0.50
_BEHIND_M = 0.07
"""Distance from the cube's center to the point where the hand comes down."""
_CONTACT_M = 0.04
"""Distance from the cube's center to a hand that touches its face."""
_TRACK_M = 0.025
"""Maximum sideways distance of the hand from the line of the push."""
_ARRIVED_M = 0.02


class FetchPush(FetchTask):
    """Place object and goal on the table, in a square of 0.3 m around the gripper."""

    cfg = FetchCfg(
        scene="push",
        slide0=0.405,
        extra_height=0.0,
        object_start=(1.25, 0.53, 0.4),
        object_range=0.15,
        goal_range=0.15,
    )

    sanity = Sanity(
        landmarks=(
            around("gripper", (0, 1, 2), (1.363, 0.749, 0.416), 0.005),
            Landmark("object", (3, 4, 5), (1.211, 0.597, 0.420), (1.515, 0.901, 0.430)),
        ),
        random_moved=(0.03, 0.6),
        expert_success=(0.9, 1.0),
    )

    def expert(self, obs: Obs) -> Tensor:
        """Go over the cube to its far side, down, push through it: 510 of 512 episodes."""
        scene = read(obs)
        way = (scene.goal - scene.object)[:, :2]
        left = horizontal(way)
        ahead = way / left.clamp(min=1e-6)[:, None]
        hand = (scene.hand - scene.object)[:, :2]
        along = (hand * ahead).sum(dim=1)
        aside = hand - along[:, None] * ahead
        on_track = (along < -0.02) & (along > -0.12) & (horizontal(aside) < _TRACK_M)

        height = scene.hand[:, 2]
        gap = (-along - _CONTACT_M).clamp(min=0.0)
        # Half the way left in each step: any faster, and the cube outruns the hand,
        # which then stands on the wrong side of it.
        push = (0.5 * left + gap)[:, None] * ahead - aside
        back = -_BEHIND_M * ahead - hand
        down = _PUSH_Z_M - height
        return first(
            (left < _ARRIVED_M, move(0.0 * scene.hand)),
            ((height < _LOW_Z_M) & on_track, move(at_height(push, down))),
            (horizontal(back) < 0.02, move(at_height(back, down))),
            (height > _HOVER_Z_M - 0.02, move(at_height(back, _HOVER_Z_M - height))),
            otherwise=move(at_height(0.0 * back, _HOVER_Z_M + 0.02 - height)),
        )

"""Define FetchPickAndPlace: bring a cube to a point on or above the table."""

from torch import Tensor

from puckrl.core.types import Obs
from puckrl.sim.viewpoints import Viewpoint
from puckrl.tasks.fetch.fetch import FetchCfg, FetchTask
from puckrl.tasks.fetch.motion import (
    CLOSE,
    OPEN,
    at_height,
    first,
    horizontal,
    move,
    read,
)
from puckrl.tasks.sanity import Landmark, Sanity, around

_HOVER_M = 0.08
_ALIGNED_M = 0.015
_INSIDE_M = 0.012
# The cube is 50 mm wide: fingers that hold it stand 24-25 mm off the middle.
_HOLDING_M = 0.027


class FetchPickAndPlace(FetchTask):
    """Lift half of the goals into the air; the fourth action drives the fingers."""

    cfg = FetchCfg(
        scene="pick_and_place",
        slide0=0.405,
        extra_height=0.2,
        object_start=(1.25, 0.53, 0.4),
        object_range=0.15,
        goal_range=0.15,
        goals_in_air=True,
        driven_fingers=True,
    )

    # Further away and higher than the others: goals hang up to 0.45 m above the table.
    film_view = Viewpoint((2.30, -0.32, 1.30), (1.26, 0.76, 0.64), 40.0)

    sanity = Sanity(
        landmarks=(
            around("gripper", (0, 1, 2), (1.342, 0.749, 0.535), 0.005),
            Landmark("object", (3, 4, 5), (1.190, 0.597, 0.420), (1.494, 0.901, 0.430)),
        ),
        random_moved=(0.03, 0.6),
        expert_success=(0.9, 1.0),
    )

    def expert(self, obs: Obs) -> Tensor:
        """Go above the cube, down with open fingers, close, carry: 512 of 512 episodes."""
        scene = read(obs)
        offset = scene.object - scene.hand
        aligned = horizontal(offset) < _ALIGNED_M
        inside = aligned & (offset[:, 2].abs() < _INSIDE_M)
        held = inside & (scene.fingers < _HOLDING_M)
        above = at_height(offset, offset[:, 2] + _HOVER_M)
        return first(
            (held, move(scene.goal - scene.object, CLOSE)),
            (inside, move(0.3 * offset, CLOSE)),
            (aligned, move(offset, OPEN)),
            otherwise=move(above, OPEN),
        )

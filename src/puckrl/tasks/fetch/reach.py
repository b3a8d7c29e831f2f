"""Define FetchReach: bring the gripper to a point in the air."""

from torch import Tensor

from puckrl.core.types import Obs
from puckrl.tasks.fetch.fetch import FetchCfg, FetchTask
from puckrl.tasks.fetch.motion import move
from puckrl.tasks.sanity import Sanity, around


class FetchReach(FetchTask):
    """Place goals in a cube of 0.3 m around the settled gripper."""

    cfg = FetchCfg(
        scene="reach",
        slide0=0.4049,
        extra_height=0.2,
        object_start=None,
        object_range=0.15,
        goal_range=0.15,
        goals_in_air=True,
    )

    sanity = Sanity(
        landmarks=(around("gripper", (0, 1, 2), (1.342, 0.749, 0.535), 0.005),),
        random_moved=(0.9, 1.0),
        expert_success=(0.98, 1.0),
    )

    def expert(self, obs: Obs) -> Tensor:
        """Move straight to the goal: 512 of 512 episodes."""
        return move(obs["desired_goal"] - obs["achieved_goal"])

"""FetchReach: bring the gripper to a point in the air."""

from puckrl.tasks.fetch.fetch import FetchCfg, FetchTask


class FetchReach(FetchTask):
    """Goals in a cube of 0.3 m around the settled gripper."""

    cfg = FetchCfg(
        scene="reach",
        slide0=0.4049,
        extra_height=0.2,
        object_start=None,
        object_range=0.15,
        goal_range=0.15,
        goals_in_air=True,
    )

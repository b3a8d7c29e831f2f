"""FetchPush: push a cube over the table with closed fingers."""

from puckrl.tasks.fetch.fetch import FetchCfg, FetchTask


class FetchPush(FetchTask):
    """Object and goal in a square of 0.3 m around the gripper, on the table."""

    cfg = FetchCfg(
        scene="push",
        slide0=0.405,
        extra_height=0.0,
        object_start=(1.25, 0.53, 0.4),
        object_range=0.15,
        goal_range=0.15,
    )

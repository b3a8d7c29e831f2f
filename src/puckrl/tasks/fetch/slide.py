"""FetchSlide: hit a puck so that it stops at a goal out of reach."""

from puckrl.tasks.fetch.fetch import FetchCfg, FetchTask


class FetchSlide(FetchTask):
    """The goal square of 0.6 m lies 0.4 m ahead of the gripper."""

    cfg = FetchCfg(
        scene="slide",
        slide0=0.05,
        extra_height=-0.02,
        object_start=(1.7, 1.1, 0.41),
        object_range=0.1,
        goal_range=0.3,
        goal_offset_x=0.4,
    )

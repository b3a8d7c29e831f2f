"""FetchPickAndPlace: bring a cube to a point on or above the table."""

from puckrl.tasks.fetch.fetch import FetchCfg, FetchTask


class FetchPickAndPlace(FetchTask):
    """Half of the goals are in the air; the fourth action drives the fingers."""

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

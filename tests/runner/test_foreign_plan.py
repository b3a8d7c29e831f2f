"""How many worlds of a foreign environment pay, and what bounds a run."""

import pytest

from puckrl.config.presets import preset
from puckrl.runner.foreign_plan import ForeignPlan, Point, plan_foreign


@pytest.mark.parametrize(
    ("speeds", "knee"),
    [
        ((100, 400, 1600), 16),
        ((100, 400, 600), 4),  # 1.5 times for two doublings
        ((100, 110, 5000), 1),
        ((100, 170, 290), 16),  # 1.3 squared, twice
    ],
)
def test_the_knee_is_the_last_doubling_that_gives_a_third_more(
    speeds: tuple[int, ...], knee: int
) -> None:
    points = tuple(Point(4**i, float(speed)) for i, speed in enumerate(speeds))
    assert ForeignPlan("gym:X", points, 0.01, 0.5).knee.worlds == knee


def test_the_bottleneck_is_named() -> None:
    points = (Point(1, 1000.0),)
    assert ForeignPlan("gym:X", points, 0.01, 0.5).words().startswith("learning is")
    assert (
        ForeignPlan("gym:X", points, 0.001, 0.5)
        .words()
        .startswith("the environment is")
    )


def test_an_environment_is_measured() -> None:
    made = plan_foreign(preset("gym:tests.envs.foreign_fakes:fake/Count-v0"))
    assert made.points[0].worlds == 1
    assert made.points[0].steps_per_s > 0
    assert made.update_s > 0
    assert made.as_dict()["knee"] in [point.worlds for point in made.points]

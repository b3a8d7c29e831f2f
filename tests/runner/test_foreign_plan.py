"""How many worlds of a foreign environment pay, and what bounds a run."""

import math

import pytest

from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.runner import foreign_plan
from puckrl.runner.foreign_plan import ForeignPlan, Point, plan_foreign
from puckrl.runner.foreign_probe import Probe, probe_apart


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


def test_a_single_world_is_shown_for_what_it_wastes() -> None:
    speeds = ((1, 496.0), (16, 7_921.0), (64, 39_305.0), (1024, 522_649.0))
    made = ForeignPlan("isaaclab:X", tuple(Point(*p) for p in speeds), 0.01, 0.004)
    assert "at 1 as at 1,024 worlds: at 1 you get 496 of 522,649" in made.wasted()
    steep = ForeignPlan("gym:X", (Point(1, 100.0), Point(4, 120.0)), 0.01, 0.5)
    assert steep.wasted() == ""


def test_many_worlds_are_measured_apart_until_one_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, bool]] = []

    def measured(cfg: RunCfg, worlds: int, *, updates: bool) -> Probe | str:
        asked.append((worlds, updates))
        if worlds == 256:
            return "CUDA out of memory"
        return Probe(7.0, 100.0 * worlds, 0.01 if updates else math.nan)

    monkeypatch.setattr(foreign_plan, "probe_apart", measured)
    made = plan_foreign(preset("mjlab:Fake"))
    assert asked == [(1, True), (16, False), (64, False), (128, False), (256, False)]
    assert made.knee.worlds == 128
    assert made.update_s == 0.01
    assert made.ended == "256 worlds failed: CUDA out of memory"
    monkeypatch.setattr(foreign_plan, "probe_apart", lambda *_, **__: "no GPU")
    with pytest.raises(UserError, match="no GPU"):
        plan_foreign(preset("mjlab:Fake"))


def test_a_process_of_its_own_says_why_it_failed() -> None:
    found = probe_apart(preset("mjlab:Fake"), 1, updates=False)
    assert isinstance(found, str)
    assert "mjlab" in found


def test_an_environment_is_measured() -> None:
    made = plan_foreign(preset("gym:tests.envs.foreign_fakes:fake/Count-v0"))
    assert made.points[0].worlds == 1
    assert made.points[0].steps_per_s > 0
    assert made.update_s > 0
    assert made.as_dict()["knee"] in [point.worlds for point in made.points]

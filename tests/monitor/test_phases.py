"""The scale that phases are measured on."""

import numpy as np
import pytest

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.phases import plateau, spans
from puckrl.monitor.success import SuccessCurve
from puckrl.monitor.success_curve import success_curve
from puckrl.monitor.table import from_rows


def noisy(points: int, seed: int) -> SuccessCurve:
    """Success of chance, 5 % of 200 episodes, evaluated at random moments."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(1000.0 + 500 * np.random.default_rng(points).random(points))
    found = success_curve(
        from_rows(
            {"env_steps": s, "eval/success": w / 200, "eval/episodes": 200.0}
            for s, w in zip(steps, rng.binomial(200, 0.05, points), strict=True)
        ),
        RunFacts(),
    )
    assert found is not None
    return found


@pytest.mark.parametrize("points", [10, 40, 120])
def test_noise_of_a_smoothed_point(points: int) -> None:
    """Against the spread of the same point over many runs; ends have fewer neighbors."""
    runs = [noisy(points, seed) for seed in range(400)]
    spread = float(np.median(np.std([run.smooth.y for run in runs], axis=0)))
    sigma = float(np.sqrt(0.05 * 0.95 / 200))
    expected = float(np.median([r.sigma_smooth / r.sigma for r in runs])) * sigma
    assert expected == pytest.approx(spread, rel=0.04)


@pytest.mark.parametrize(
    ("last", "settled"),
    [([0.90, 0.93, 0.96, 0.99], False), ([0.90, 0.96, 0.94, 0.99], True)],
    ids=["all in order", "one pair is not"],
)
def test_a_rise_of_four_points_counts_only_if_all_are_in_order(
    last: list[float], settled: bool
) -> None:
    climb = [0.05, 0.05, 0.05, 0.3, 0.6, 0.85, 0.92, 0.93, 0.91, 0.92]
    rows = [
        {"env_steps": 1000.0 * (i + 1), "eval/success": y, "eval/episodes": 1000.0}
        for i, y in enumerate(climb + last)
    ]
    curve = success_curve(from_rows(rows), RunFacts())
    assert curve is not None
    found = plateau(curve.smooth, curve)
    assert (found is not None) is settled
    if found is not None:
        assert found.level == pytest.approx(0.95)


def test_a_life_begins_with_its_first_row_and_not_with_its_first_evaluation() -> None:
    """Ten turns of random play, and the first evaluation after some updates."""
    success = {3000.0: 0.05, 5000.0: 0.05, 7000.0: 0.5, 9000.0: 0.9, 11000.0: 0.9}
    table = from_rows(
        {"env_steps": x, "updates": max(0.0, x - 1000.0) / 8}
        | ({"eval/success": success[x]} if x in success else {})
        for x in (100.0 * i for i in range(1, 111))
    )
    curve = success_curve(table, RunFacts())
    assert curve is not None
    first, second, *_ = spans(table, curve, RunFacts())
    assert (first.phase, first.env_steps) == ("warm-up", (100.0, 1100.0))
    assert (second.phase, second.env_steps[0]) == ("flat", 1100.0)


@pytest.mark.parametrize("episodes", [256.0, 10.0])
@pytest.mark.parametrize(
    ("count", "read"), [(8, "eval/success"), (4, "eval/success"), (3, "train/success")]
)
def test_evaluations_where_there_are_some_and_not_what_noisy_play_does(
    episodes: float, count: int, read: str
) -> None:
    climb = [0.08, 0.03, 0.18, 0.75, 0.95, 0.95, 0.97, 0.98]
    judged = dict(zip(range(20, 20 + 20 * count, 20), climb[:count], strict=True))

    def played(i: int) -> float:
        return min(0.78, 0.05 + max(0, i - 50) * 0.01) + 0.02 * (i % 2)

    table = from_rows(
        {"env_steps": 1e4 * i, "train/success": played(i)}
        | (
            {"eval/success": judged[i], "eval/episodes": episodes}
            if i in judged
            else {}
        )
        for i in range(1, 161)
    )
    curve = success_curve(table, RunFacts())
    assert curve is not None
    assert curve.name == read

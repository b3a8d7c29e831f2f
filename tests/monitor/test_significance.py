"""Tests of differences against scipy and by hand, and what the doctor says of luck."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.significance import (
    beyond_luck,
    climbs_on,
    first_level,
    moves,
    pooled_z,
)
from puckrl.monitor.table import Array, Curve, from_rows
from puckrl.monitor.verdict import Verdict

SEEDS = range(10)


def test_bonferroni_by_scipy() -> None:
    assert beyond_luck(1, 0.05) == pytest.approx(stats.norm.isf(0.05))
    assert beyond_luck(300) == pytest.approx(stats.norm.isf(0.01 / 300))


def test_the_pooled_test_by_hand() -> None:
    """30 of 50 and 10 of 50: 0.4 of all, √(0.4 x 0.6 x 2 / 50) = 0.098."""
    z = pooled_z(*np.array([0.6, 0.2, 50.0, 50.0]))
    assert float(z) == pytest.approx(0.4 / np.sqrt(0.4 * 0.6 * 2 / 50))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shift", [0.0, 0.4, 1.5])
def test_whether_a_level_moves_is_what_kruskal_and_wallis_say(
    seed: int, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    y = np.round(rng.normal(size=200) + shift * np.sin(np.linspace(0, 6, 200)), 1)
    p = stats.kruskal(*np.array_split(y, 10)).pvalue
    assert moves(Curve(np.arange(200.0), y)) == (p < 0.01)


def test_the_first_level_ends_where_the_level_changes() -> None:
    episodes = 20.0 * np.arange(1, 31)
    y = np.array([0.0, 0.05, 0.0, 0.1] + [0.6] * 26)
    assert len(first_level(y, episodes)) == 4
    assert len(first_level(np.full(30, 0.3), episodes)) == 30
    # with one episode a point, four failures before successes are no luck; two may be
    assert len(first_level(np.array([0.0] * 8 + [1.0] * 22), episodes / 20)) == 8


@pytest.mark.parametrize(("end", "climbs"), [(1.0, True), (0.4, False), (0.0, False)])
def test_a_climb_that_bends_has_ended(end: float, climbs: bool) -> None:
    x = np.linspace(0.0, 1.0, 50)
    found = [
        climbs_on(Curve(1e6 * x, np.minimum(x, end) + 0.03 * rng.normal(size=50)), 0.03)
        for rng in map(np.random.default_rng, SEEDS)
    ]
    assert sum(found) >= 9 if climbs else sum(found) <= 1


def judged(
    success: Callable[[Array], Array], episodes: int, seed: int, rows: int = 50
) -> Verdict:
    """Evaluations of some episodes each, 4 M updates long."""
    rng, x = np.random.default_rng(seed), np.linspace(1 / rows, 1, rows)
    won = rng.binomial(episodes, success(x)) / episodes
    table = from_rows(
        {"env_steps": 4e6 * a, "updates": 4e6 * a, "eval/success": w}
        for a, w in zip(x, won, strict=True)
    )
    return diagnose(table, RunFacts())


def names(verdicts: list[Verdict]) -> Counter[str]:
    return Counter(f.name for v in verdicts for f in v.findings)


@pytest.mark.parametrize("level", [0.15, 0.3, 0.5, 0.7, 0.85])
@pytest.mark.parametrize("episodes", [5, 10, 20, 100])
def test_luck_on_a_plateau_is_no_loss(level: float, episodes: int) -> None:
    def settles(x: Array) -> Array:
        return level / (1 + np.exp(-(x - 0.1) / 0.02))

    verdicts = [judged(settles, episodes, 100 + seed) for seed in SEEDS]
    assert names(verdicts)["forgetting"] <= 1
    assert sum(v.phase == "collapsed" for v in verdicts) == 0


@pytest.mark.parametrize("episodes", [10, 20, 100])
def test_half_of_success_lost_is_seen(episodes: int) -> None:
    def falls(x: Array) -> Array:
        return np.where(x < 0.7, 0.9 / (1 + np.exp(-(x - 0.2) / 0.03)), 0.2)

    verdicts = [judged(falls, episodes, seed) for seed in SEEDS]
    assert all(v.phase == "collapsed" and v.color == "red" for v in verdicts)


@pytest.mark.parametrize("level", [0.15, 0.3, 0.4])
@pytest.mark.parametrize("begun", [1e-3, 0.02], ids=["at once", "first rows are low"])
@pytest.mark.parametrize("episodes", [5, 20, 100])
def test_what_succeeds_all_along_is_not_dead(
    level: float, begun: float, episodes: int
) -> None:
    def stands(x: Array) -> Array:
        return level / (1 + np.exp(-(x - begun) / begun))

    verdicts = [judged(stands, episodes, seed) for seed in SEEDS]
    assert names(verdicts)["dead flat"] == 0
    assert names(verdicts)["stalled"] >= 8


@pytest.mark.parametrize("reach", [(0.0, 0.5), (0.2, 0.6), (0.05, 0.9)])
@pytest.mark.parametrize("episodes", [5, 10, 20])
def test_a_straight_climb_is_neither_stalled_nor_done(
    reach: tuple[float, float], episodes: int
) -> None:
    low, high = reach
    verdicts = [
        judged(lambda x: low + (high - low) * x, episodes, seed, 40) for seed in SEEDS
    ]
    assert names(verdicts)["stalled"] <= 2
    assert sum(v.phase == "converged" for v in verdicts) <= 1


@pytest.mark.parametrize("episodes", [20, 50])
def test_a_plateau_half_way_is_stalled(episodes: int) -> None:
    verdicts = [
        judged(lambda x: 0.6 * np.clip(x / 0.4, 0, 1), episodes, seed, 40)
        for seed in SEEDS
    ]
    assert names(verdicts)["stalled"] >= 8


Luck = Callable[[np.random.Generator, int], NDArray[np.floating]]
LUCK: dict[str, Luck] = {
    "few lucky ones": lambda rng, n: 150.0 * (rng.random(n) < 0.08),
    "half of them": lambda rng, n: 100.0 * (rng.random(n) < 0.5),
    "wide tails": lambda rng, n: 10 * np.clip(rng.standard_cauchy(n), -20, 20),
}


@pytest.mark.parametrize("luck", LUCK)
@pytest.mark.parametrize("rows", [300, 1000])
@pytest.mark.parametrize(
    ("shape", "phase"),
    [("falls", "collapsed"), ("stands", "flat"), ("rises", "take-off")],
)
def test_returns_of_single_episodes(
    luck: str, rows: int, shape: str, phase: str
) -> None:
    x = np.linspace(1 / rows, 1, rows)
    level = {"falls": 100 * np.exp(-(((x - 0.5) / 0.18) ** 2)), "rises": 200 * x}
    found: list[str] = []
    for seed in SEEDS:
        returns = LUCK[luck](np.random.default_rng(seed), rows) + level.get(shape, 0)
        rows_of = zip(1e6 * x, returns, strict=True)
        table = from_rows({"env_steps": a, "train/return": r} for a, r in rows_of)
        found.append(diagnose(table, RunFacts()).phase)
    assert sum(p == phase for p in found) >= 8, found

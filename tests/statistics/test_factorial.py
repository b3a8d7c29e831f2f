"""Effects of factorials, by hand and against least squares."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from puckrl.core.errors import UserError
from puckrl.statistics.factorial import contrasts, incomplete
from puckrl.statistics.measure import Outcome, parse_measure

FINAL = parse_measure("area_under(updates)")
TWO = {"agent.gamma": ("0.95", "0.98"), "batch": ("256", "512")}
CELLS = {cell: "-".join(cell) for cell in product(*TWO.values())}


def table(values: dict[tuple[str, ...], list[float]]) -> list[Outcome]:
    return [
        Outcome(CELLS[cell], seed, value)
        for cell, row in values.items()
        for seed, value in enumerate(row)
    ]


def test_a_two_by_two_by_hand() -> None:
    data = table({
        ("0.95", "256"): [0.1, 0.2], ("0.95", "512"): [0.3, 0.5],
        ("0.98", "256"): [0.2, 0.2], ("0.98", "512"): [0.8, 0.9],
    })  # fmt: skip
    gamma, batch, both = contrasts(FINAL, data, TWO, CELLS)
    assert [one.name for one in (gamma, batch, both)] == [
        "gamma: 0.98 - 0.95",
        "batch: 512 - 256",
        "gamma: 0.98 - 0.95 x batch: 512 - 256",
    ]
    # seed 0: (0.2 + 0.8) / 2 - (0.1 + 0.3) / 2 = 0.3; seed 1: 0.55 - 0.35 = 0.2
    assert gamma.estimate == pytest.approx(0.25)
    # seed 0: 0.55 - 0.15; seed 1: 0.7 - 0.2
    assert batch.estimate == pytest.approx(0.45)
    # seed 0: ((0.8 - 0.3) - (0.2 - 0.1)) / 2; seed 1: (0.4 - 0.0) / 2
    assert both.estimate == pytest.approx((0.2 + 0.2) / 2)
    done = stats.ttest_1samp([0.3, 0.2], 0.0)
    low, high = done.confidence_interval(0.95)
    p = done[1]
    assert (gamma.low, gamma.high, gamma.p) == pytest.approx((low, high, p))
    assert gamma.order == 1
    assert both.order == 2


def test_three_factors_are_least_squares() -> None:
    levels = {"a": ("0", "1"), "b": ("0", "1"), "c": ("0", "1")}
    cells = {cell: "".join(cell) for cell in product(*levels.values())}
    rng = np.random.default_rng(0)
    data = [
        Outcome(name, seed, rng.normal())
        for name in cells.values()
        for seed in range(7)
    ]
    signs = {n: [2 * int(x) - 1 for x in n] for n in cells.values()}
    design = [
        [1, a, b, c, a * b, a * c, b * c, a * b * c]
        for a, b, c in (signs[o.arm] for o in data)
    ]
    fitted = np.linalg.lstsq(np.array(design), [o.value for o in data], rcond=None)[0]
    found = contrasts(FINAL, data, levels, cells)
    assert [one.estimate for one in found] == pytest.approx((2 * fitted[1:]).tolist())
    assert [one.order for one in found] == [1, 1, 1, 2, 2, 2, 3]
    assert all(one.adjusted >= one.p for one in found)


def test_the_sign_flips_are_scipys() -> None:
    rng = np.random.default_rng(1)
    values = {cell: rng.normal(size=8).tolist() for cell in CELLS}
    (gamma, *_) = contrasts(FINAL, table(values), TWO, CELLS)
    each = np.mean([values["0.98", b] for b in TWO["batch"]], axis=0) - np.mean(
        [values["0.95", b] for b in TWO["batch"]], axis=0
    )
    exact = stats.permutation_test(
        (each,), np.mean, permutation_type="samples", n_resamples=1000
    )
    assert gamma.p == pytest.approx(exact.pvalue)


def test_more_levels_are_compared_with_the_first() -> None:
    levels = {"x": ("low", "mid", "high")}
    cells = {(level,): level for level in levels["x"]}
    data = [
        Outcome(level, seed, value + 0.01 * seed * value)
        for level, value in (("low", 1.0), ("mid", 2.0), ("high", 4.0))
        for seed in range(3)
    ]
    mid, high = contrasts(FINAL, data, levels, cells)
    assert (mid.name, high.name) == ("x: mid - low", "x: high - low")
    assert mid.estimate == pytest.approx(1.01)
    assert high.estimate == pytest.approx(3.03)


def test_seeds_that_lack_a_cell_do_not_count() -> None:
    values = {cell: [0.1, 0.4, 0.3] for cell in CELLS}
    data = table(values)
    data[4] = Outcome(data[4].arm, data[4].seed, math.nan, problem="failed")
    assert incomplete(data, range(3), CELLS) == (1,)
    assert {one.n for one in contrasts(FINAL, data, TWO, CELLS)} == {2}


def test_no_noise_gives_no_interval_from_few_seeds() -> None:
    data = table({cell: [float(cell == ("0.98", "512"))] * 3 for cell in CELLS})
    gamma = contrasts(FINAL, data, TWO, CELLS)[0]
    assert gamma.estimate == 0.5
    assert (gamma.low, gamma.high, gamma.p) == (-math.inf, math.inf, 1.0)


def test_refusals() -> None:
    rank = parse_measure("time_to(0.9, updates, censored=rank)")
    with pytest.raises(UserError, match="censored=restricted"):
        contrasts(rank, [], TWO, CELLS)
    with pytest.raises(UserError, match=r"no arm at 0\.98, 512"):
        contrasts(FINAL, [], TWO, {k: v for k, v in CELLS.items() if k[1] != "512"
                                   or k[0] != "0.98"})  # fmt: skip

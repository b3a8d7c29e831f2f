"""Sampling curves for a screen, against slow loops."""

import numpy as np
import pytest

from puckrl.web.sample import kept, knots, short


@pytest.mark.parametrize("count", [1, 2, 9, 640, 641, 1000, 10_000, 12_345])
def test_every_bin_keeps_its_extremes(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    found = kept(values)
    assert len(found) <= 2 * 320 + 2
    assert list(found) == sorted({*found})
    assert {0, count - 1} <= {*found}
    size = 1
    while count / size > 320:
        size *= 2
    if count <= 640:
        size = 1
    for begin in range(0, count, size):
        part = values[begin : begin + size]
        assert {begin + part.argmin(), begin + part.argmax()} <= {*found}


def test_a_curve_that_grows_keeps_its_earlier_bins() -> None:
    values = np.random.default_rng(0).normal(size=9_000)
    before, after = kept(values[:8_000]), kept(values)
    assert [*after[: len(before) - 3]] == [*before[:-3]]


@pytest.mark.parametrize("count", [0, 1, 320, 321, 9_999])
def test_knots_begin_and_end_with_the_rows(count: int) -> None:
    found = knots(count)
    assert len(found) <= 322
    if count:
        assert (found[0], found[-1]) == (0, count - 1)
        assert (np.diff(found) > 0).all()


def test_numbers_for_json_are_short_and_never_nan() -> None:
    values = np.array([1 / 3, np.nan, np.inf, 1_234_567.0])
    assert short(values) == [0.333333, None, None, 1234570.0]

"""Test a difference by exchanging runs between two arms, and invert the test.

If the arms do not differ, every way of dealing the runs to them was as likely as the
observed one: the test is exact for any distribution, also for runs that either learn or
do not, and for as few as four pairs. Sources: Pitman (1937) for the test and its
interval; Konietschke and Pauly (2014), "Bootstrapping and permuting paired t-test type
statistics", Statistics and Computing 24, for exchanging runs of different pairs. Exchanges
within pairs alone could not reach 5 % with five seeds.
"""

from collections.abc import Callable
from functools import cache
from itertools import combinations, permutations
from math import comb, factorial

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

FEWEST = 4
"""Pairs from which the test can reach 5 %: two of its 70 splits are 2.9 %."""
_DRAWN = 4_999
_TIE = 1e-9
_DOUBLINGS, _HALVINGS = 40, 20


def separation(base: Array, arm: Array) -> Array:
    """Return how far apart two arms are, between 0 and 1.

    It is t² / (t² + n) of d = mean(arm) - mean(base), with the standard error

        s² = (s_base² + s_arm² - 2 λ max(0, cov)) / n,   λ = (n - 2) / n

    Pairs that go together make it smaller. A correlation from few pairs is mostly noise,
    so only a part λ of it counts: with none of it the paired gain is lost, with all of it
    half of the degrees of freedom. Order is all that a permutation test uses, so the
    bounded form serves; it needs no case for s = 0.

    Args:
        base: (..., n), a number a run.
        arm: (..., n), the runs of the same seeds.

    Returns:
        (...), 0 if the means are equal.
    """
    n = base.shape[-1]
    center_base = base.mean(-1, keepdims=True)
    center_arm = arm.mean(-1, keepdims=True)
    difference = (center_arm - center_base)[..., 0]
    variance = spread(base - center_base, arm - center_arm)
    squared = difference * difference
    scale = np.abs(center_base[..., 0]) + np.abs(center_arm[..., 0])
    whole = squared + variance
    safe = np.where(whole > 0, whole, 1.0)
    equal = np.abs(difference) <= _TIE * scale
    return np.where(equal | (n < 2), 0.0, squared / safe)


def spread(base: Array, arm: Array) -> Array:
    """Return the variance of a pair's difference, (...), from centered runs (..., n)."""
    n = base.shape[-1]
    if n < 2:
        return np.zeros(base.shape[:-1])
    together = np.maximum(0.0, (base * arm).sum(-1))
    part = (n - 2) / n
    total = (base * base).sum(-1) + (arm * arm).sum(-1) - 2 * part * together
    return np.maximum(total, 0.0) / (n - 1)


@cache
def exchanges(looks: tuple[int, ...], drawn: int = _DRAWN) -> Indices:
    """Draw ways of dealing runs to two arms, the observed way first, always the same ones.

    Runs move within the block of seeds that was added at a look, so that an earlier look
    never sees runs of a later one. A block's ways do not depend on the blocks after it.

    Args:
        looks: number of seeds at each look, rising.
        drawn: how many ways are drawn.

    Returns:
        (drawn + 1, 2 n), indices into base and arm, one after the other; n = looks[-1].
    """
    n = looks[-1]
    ways = np.tile(np.arange(2 * n), (drawn + 1, 1))
    first = 0
    for last in looks:
        rng = np.random.default_rng([first, last])
        block = np.r_[first:last, n + first : n + last]
        order = np.argsort(rng.random((drawn, len(block))), axis=1)
        ways[1:, block] = block[order]
        first = last
    return ways


def _ways(n: int) -> Indices:
    """Return all ways of dealing runs of n seeds if they are few; else drawn ones."""
    few = factorial(2 * n) // factorial(n) <= _DRAWN
    return _all(n) if few else exchanges((n,))


@cache
def _all(n: int) -> Indices:
    """Return every way of dealing 2 n runs to ordered pairs; the observed way is first.

    The order of the pairs does not count: base's runs stay in rising order.
    """
    ways: list[tuple[int, ...]] = []
    for left in combinations(range(2 * n), n):
        others = [i for i in range(2 * n) if i not in left]
        ways += [(*left, *right) for right in permutations(others)]
    assert len(ways) == comb(2 * n, n) * factorial(n)
    return np.array(ways, dtype=np.int64)


def p_value(base: Array, arm: Array) -> Array:
    """Return the share of ways in which the arms are as far apart as observed.

    Two-sided. The observed way counts among the drawn ones, so the test holds its level
    for any number of draws: Phipson and Smyth (2010).

    Args:
        base: (..., n).
        arm: (..., n).

    Returns:
        (...), above 0.
    """
    n = base.shape[-1]
    ways = _ways(n)
    runs = np.concatenate([base, arm], axis=-1)[..., ways]
    apart = separation(runs[..., :n], runs[..., n:])
    return (apart >= apart[..., :1] - _TIE).mean(-1)


def shift_interval(base: Array, arm: Array, alpha: float) -> tuple[float, float]:
    """Return the differences that the test does not reject at a level.

    The arm is shifted by each candidate and compared again; the interval is exact if the
    arms differ by a shift.

    Args:
        base: (n,), n >= 4.
        arm: (n,).
        alpha: level, 0.05 for a 95 % interval.

    Returns:
        Both ends; infinite where no difference is rejected.
    """
    return inverted(
        float(arm.mean() - base.mean()),
        _step(base, arm),
        lambda shift: float(p_value(base, arm - shift)) <= alpha,
    )


def _step(base: Array, arm: Array) -> float:
    """Return the standard error of the difference, or a small part of its size."""
    centered = spread(base - base.mean(), arm - arm.mean())
    size = float(np.abs(np.concatenate([base, arm])).max())
    return max(float(np.sqrt(centered / len(base))), 1e-6 * size, 1e-300)


def inverted(
    center: float, step: float, rejects: Callable[[float], bool]
) -> tuple[float, float]:
    """Return the interval around ``center`` that a test does not reject, by bisection.

    Args:
        center: a value that the test does not reject.
        step: first distance to try; doubled until the test rejects.
        rejects: the test.
    """
    ends: list[float] = []
    for sign in (-1.0, 1.0):
        inside, outside = 0.0, step
        for _ in range(_DOUBLINGS):
            if rejects(center + sign * outside):
                break
            inside, outside = outside, 2.0 * outside
        else:
            ends.append(sign * np.inf)
            continue
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2.0
            if rejects(center + sign * middle):
                outside = middle
            else:
                inside = middle
        ends.append(center + sign * outside)
    return ends[0], ends[1]

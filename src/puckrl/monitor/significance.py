"""Decide with named tests whether the luck of episodes explains what a curve does."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from puckrl.monitor.curves import binned
from puckrl.monitor.table import Array, Curve

ERROR = 0.01
"""Chance that luck alone passes a test, over all places where it was looked for."""
_PARTS = 10  # of a curve whose levels are compared
_POINTS = 60  # that a climb is fitted to
_GRID: Array = np.linspace(0.0, 1.0, 21)  # places where it may begin and end
_BEND = 0.05  # chance of a bend that luck drew
_MISFIT = 4.0  # times the variance of luck that no fit leaves
_EDGE = 0.02  # rates nearer to 0 or 1 than this have the luck of this one


def beyond_luck(looks: float, error: float = ERROR) -> float:
    """Return the z that the largest of some differences exceeds with chance ``error``.

    Source: Bonferroni's inequality, for a one-sided test.

    Args:
        looks: places where the difference was looked for.
        error: chance that luck alone exceeds it anywhere.
    """
    return NormalDist().inv_cdf(1.0 - error / max(looks, 1.0))


def pooled_z(rate: Array, other: Array, n: Array, m: Array) -> Array:
    """Return the statistic of the pooled two-sample test of proportions, (...).

    (p - q) / √(r (1 - r) (1/n + 1/m)), r the rate of both samples together.

    Args:
        rate: of the first sample.
        other: of the second one.
        n: episodes of the first sample.
        m: episodes of the second one.
    """
    both = np.clip((rate * n + other * m) / (n + m), _EDGE, 1.0 - _EDGE)
    return (rate - other) / np.sqrt(both * (1.0 - both) * (1.0 / n + 1.0 / m))


def first_level(y: Array, episodes: NDArray[np.floating]) -> Array:
    """Return the points before a curve first changes its level, (points,).

    Binary segmentation: the split with the largest pooled two-sample statistic cuts the
    curve, then its first part, until no split is beyond luck.

    Args:
        y: success rates, in the order of time.
        episodes: that some points at the beginning hold together, (n,): of 1, of 2, ...
    """
    while len(y) > 1:
        k = np.arange(1, len(y))
        sums = np.cumsum(y)
        before, after = sums[:-1] / k, (sums[-1] - sums[:-1]) / (len(y) - k)
        z = np.abs(pooled_z(before, after, episodes[k - 1], episodes[len(y) - k - 1]))
        if z.max() <= beyond_luck(float(len(y))):
            break
        y = y[: k[z.argmax()]]
    return y


def moves(curve: Curve) -> bool:
    """Return whether the level of a curve of independent points changes at all.

    Source: Kruskal and Wallis (1952), on its tenths, with ranks and ties; the statistic is
    compared with chi squared by Wilson and Hilferty's cube root.
    """
    groups = np.array_split(curve.y, _PARTS)
    if len(curve) < 3 * _PARTS:
        return False
    _, place, counts = np.unique(curve.y, return_inverse=True, return_counts=True)
    n = len(curve)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place.reshape(-1)]
    ties = 1.0 - float((counts**3 - counts).sum()) / (n**3 - n)
    if ties <= 0:
        return False
    parts = np.array_split(ranks, len(groups))
    h = (
        12.0
        / (n * (n + 1))
        * sum(len(p) * (p.mean() - (n + 1) / 2) ** 2 for p in parts)
    )
    free = len(groups) - 1
    z = (np.cbrt(h / ties / free) - 1 + 2 / (9 * free)) / np.sqrt(2 / (9 * free))
    return bool(z > beyond_luck(1.0))


def climbs_on(curve: Curve, luck: float) -> bool:
    """Return whether a curve climbs to its end, as far as one can tell.

    Fits y = a + b clip(x, c, d): a level, a climb, a level. Of a curve that is far from any
    such, because it climbs in stages, the later half is judged. It climbs if the best with d at
    the end is better than a constant, and an earlier d is not better still: two
    likelihood-ratio tests, corrected for the places of d. Neighbors that share their luck
    count for less, by the ratio of von Neumann (1941).

    Args:
        curve: from the beginning of the run.
        luck: smallest standard deviation of a point.
    """
    points = binned(curve, _POINTS)
    if len(points) < 6:
        return False
    x = (points.x - points.x[0]) / max(float(np.ptp(points.x)), 1e-12)
    begin, end = np.triu_indices(len(_GRID), k=1)
    ramps = np.clip(x, _GRID[begin][:, None], _GRID[end][:, None])
    ramps -= ramps.mean(axis=1, keepdims=True)
    away: Array = points.y - points.y.mean()
    rise = np.maximum(ramps @ away, 0.0) / np.maximum((ramps**2).sum(axis=1), 1e-12)
    residual: Array = away - rise[:, None] * ramps
    left: Array = (residual**2).sum(axis=1)
    constant, straight = float((away**2).sum()), float(left[_GRID[end] == 1.0].min())
    best = int(left.argmin())
    steps = float((np.diff(residual[best]) ** 2).sum())
    ratio = float(np.clip(steps / max(2 * left[best], 1e-12), 1.0 / len(x), 1.0))
    measured = float(left[best]) / max(len(x) - 4, 1) * (2 - ratio) / ratio
    drawn = luck**2 * len(points) / len(curve)
    variance = max(measured, drawn, 1e-12)
    surely = variance * beyond_luck(len(_GRID), _BEND) ** 2
    climbs = constant - straight > surely and straight - float(left[best]) < surely
    if climbs and 0.0 < _MISFIT * drawn < float(left[best]) / max(len(x) - 4, 1):
        return climbs_on(curve.since(float(curve.x[0] + curve.x[-1]) / 2), luck)
    return climbs

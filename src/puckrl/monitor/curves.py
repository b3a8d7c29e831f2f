"""Measure noisy curves: noise, trend, smoothing, crossings, on the run's own scale."""

from dataclasses import dataclass

import numpy as np

from puckrl.monitor.table import Array, Curve


@dataclass(frozen=True)
class Trend:
    """Describe where a curve goes."""

    change: float
    """How far it moved: Theil-Sen slope times the length on the x axis."""
    z: float
    """Mann-Kendall statistic: beyond ±2 the direction is hardly chance."""

    @property
    def rises(self) -> bool:
        """Return whether it goes up, beyond chance."""
        return self.z > 2.0

    @property
    def falls(self) -> bool:
        """Return whether it goes down, beyond chance."""
        return self.z < -2.0


def noise(y: Array) -> float:
    """Return a point's standard deviation: 1.4826 MAD(y_t+1 - y_t) / √2.

    A trend adds nothing if it is slow compared to the spacing.

    Args:
        y: (n,); below three points the result is 0.
    """
    if len(y) < 3:
        return 0.0
    steps = np.diff(y)
    mad = float(np.median(np.abs(steps - np.median(steps))))
    return 1.4826 * mad / float(np.sqrt(2.0))


def binned(curve: Curve, bins: int) -> Curve:
    """Return means over equal bins of the x axis, without empty bins.

    Args:
        curve: any number of points.
        bins: maximum number of points to return.
    """
    if len(curve) <= bins:
        return curve
    edges: Array = np.linspace(float(curve.x[0]), float(curve.x[-1]), bins + 1)
    place = np.clip(np.searchsorted(edges, curve.x, side="right") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    have = count > 0
    x = np.bincount(place, curve.x, bins)[have] / count[have]
    y = np.bincount(place, curve.y, bins)[have] / count[have]
    return Curve(x, y)


def triangle(curve: Curve, half_width: float) -> Array:
    """Return the weights max(0, 1 - |x_i - x_j| / h) of each point's neighbors, (n, n)."""
    away = np.abs(curve.x[:, None] - curve.x[None, :])
    return np.clip(1.0 - away / half_width, 0.0, None)


def smoothed(curve: Curve, half_width: float) -> Curve:
    """Return the local mean with triangular weights.

    Args:
        curve: (n,) points.
        half_width: on the x axis; points further away have no weight.
    """
    if len(curve) < 2 or half_width <= 0:
        return curve
    weight = triangle(curve, half_width)
    return Curve(curve.x, weight @ curve.y / weight.sum(axis=1))


def trend(curve: Curve, bins: int = 24) -> Trend:
    """Return a robust slope and its significance.

    Averages points into a few bins first: neighbors in a log are not independent.
    Source: Sen (1968), Mann (1945), Kendall (1975).
    """
    points = binned(curve, bins)
    n = len(points)
    if n < 4:
        return Trend(0.0, 0.0)
    one, other = np.triu_indices(n, k=1)
    dx, dy = points.x[other] - points.x[one], points.y[other] - points.y[one]
    apart = dx > 0
    if not apart.any():
        return Trend(0.0, 0.0)
    slope = float(np.median(dy[apart] / dx[apart]))
    score = float(np.sign(dy).sum())
    _, ties = np.unique(points.y, return_counts=True)
    variance = n * (n - 1) * (2 * n + 5) - float(
        (ties * (ties - 1) * (2 * ties + 5)).sum()
    )
    z = 0.0 if variance <= 0 else (score - np.sign(score)) / np.sqrt(variance / 18.0)
    return Trend(slope * float(points.x[-1] - points.x[0]), float(z))


def first_above(curve: Curve, level: float, hold: int) -> float | None:
    """Return when a curve first rises to a level and stays there for ``hold`` points.

    Returns:
        The x, interpolated between two points; None if it never does.
    """
    above = curve.y >= level
    for i in range(len(above) - hold + 1):
        if above[i : i + hold].all():
            return _crossing(curve, i, level)
    return None


def last_below(curve: Curve, level: float) -> float | None:
    """Return when a curve leaves a level for good; its first x if it never was below."""
    below = np.flatnonzero(curve.y < level)
    if not len(curve):
        return None
    last = int(below[-1]) if len(below) else -1
    if last + 1 >= len(curve):
        return float(curve.x[-1])
    return _crossing(curve, last + 1, level)


def _crossing(curve: Curve, i: int, level: float) -> float:
    """Return where the line into point i meets the level; for point 0, the point."""
    if i == 0:
        return float(curve.x[0])
    x, y = curve.x[i - 1 : i + 1], curve.y[i - 1 : i + 1]
    if y[1] == y[0]:
        return float(x[1])
    share = float(np.clip((level - y[0]) / (y[1] - y[0]), 0.0, 1.0))
    return float(x[0] + share * (x[1] - x[0]))

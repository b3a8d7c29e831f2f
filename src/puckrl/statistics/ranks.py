"""Compare times by their order: the probability that one arm's run is earlier.

A run that never arrives is later than every run that does, and equal to the others that
do not: no time needs to be made up for it.
"""

import math

import numpy as np
from scipy import stats

from puckrl.statistics.permute import FEWEST, Array


def midranks(values: Array) -> Array:
    """Return ranks along the last axis, 1 for the smallest; ties share their mean.

    Args:
        values: (..., n), inf for runs that never arrived.
    """
    return np.asarray(stats.rankdata(values, axis=-1))


def earlier(base: Array, arm: Array) -> float:
    """Return the probability that a run of the arm is earlier than one of the base.

    P(arm < base) + P(arm = base) / 2, over all pairs of runs: Mann and Whitney (1947).

    Args:
        base: (n,), inf for a run that never arrived.
        arm: (m,).
    """
    less = arm[:, None] < base[None, :]
    equal = arm[:, None] == base[None, :]
    return float((less + 0.5 * equal).mean())


def earlier_interval(share: float, n: int, m: int, alpha: float) -> tuple[float, float]:
    """Return the interval of a Mann-Whitney probability, inside [0, 1].

    A score interval: the ends solve (share - θ)² = z² V(θ), so complete separation of
    few runs still leaves an interval. Source: Newcombe (2006), "Confidence intervals for
    an effect size measure based on the Mann-Whitney statistic", part 2, method 5,
    Statistics in Medicine 25. With fewer than 4 runs, z is Student's.

    Args:
        share: the observed probability.
        n: runs of one arm.
        m: runs of the other.
        alpha: 0.05 for 95 %.
    """
    few = min(n, m) < FEWEST
    z = float((stats.t(n + m - 2) if few else stats.norm).ppf(1 - alpha / 2))

    def outside(theta: float) -> bool:
        return abs(share - theta) > z * math.sqrt(_variance(theta, n, m))

    ends: list[float] = []
    for limit in (0.0, 1.0):
        inside, beyond = share, limit
        if not outside(limit + (1e-12 if limit == 0 else -1e-12)):
            ends.append(limit)
            continue
        for _ in range(50):
            middle = (inside + beyond) / 2
            inside, beyond = (inside, middle) if outside(middle) else (middle, beyond)
        ends.append(beyond)
    return ends[0], ends[1]


def _variance(theta: float, n: int, m: int) -> float:
    """Return Newcombe's variance of the Mann-Whitney probability."""
    half = (n + m) / 2 - 1
    grown = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
    return theta * (1 - theta) * grown / (n * m)


def detectable_share(n: int, m: int, alpha: float, power: float = 0.8) -> float:
    """Return the probability of being earlier that a study shows with some power.

    Noether (1987): the share is z standard errors of the null above a half. Never above 1,
    where complete separation is.
    """
    z = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power))
    return min(1.0, 0.5 + z * math.sqrt((n + m + 1) / (12 * n * m)))

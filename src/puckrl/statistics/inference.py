"""Estimate what an arm changes: an interval on its difference to the base.

Runs with equal seeds are pairs. Means are compared by a permutation test and its inverse
(``permute.py``), orders of arrival by ranks (``ranks.py``). Three pairs or fewer get
Student's paired t, which takes differences for normal. Runs without any spread say
nothing about rare failures: their interval is Newcombe's for two proportions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from puckrl.core.intervals import wilson_interval
from puckrl.statistics.measure import Measure, Outcome
from puckrl.statistics.pairs import Pairs, as_failures, horizon, paired, prepared
from puckrl.statistics.permute import FEWEST, Array, p_value, shift_interval, spread
from puckrl.statistics.ranks import (
    detectable_share,
    earlier,
    earlier_interval,
    midranks,
)

ALPHA, POWER = 0.05, 0.8
Shown = Literal["better", "worse", "no difference shown"]


@dataclass(frozen=True)
class Effect:
    """What an arm, or a factor, changes."""

    arm: str
    """Its name."""
    estimate: float
    """Arm minus base; for ranks the probability that the arm is earlier, 0.5 for equal."""
    low: float
    """Lower end of the 95 % interval, for this arm alone."""
    high: float
    """Upper end."""
    p: float
    """Two-sided p-value. Runs without a value count as failures if that makes it larger and
    they are of the side that looks better."""
    detectable: float
    """Difference that such a study shows in four cases of five."""
    n: int
    """Pairs."""
    censored: tuple[int, int]
    """Runs that never reached the threshold: base, arm."""
    missing: tuple[int, int]
    """Runs without a value: base, arm."""
    correlation: float
    """Of the pairs; NaN if there are too few or one side has no spread."""
    method: str
    """How the interval was made."""
    adjusted: float = math.nan
    """p-value after Holm over the arms."""
    shown: Shown = "no difference shown"
    """The answer at 5 % over all arms."""
    null: float = 0.0
    """The estimate if there were no difference."""


def effects(
    measure: Measure,
    outcomes: Sequence[Outcome],
    base: str,
    arms: Sequence[str],
    alpha: float = ALPHA,
) -> list[Effect]:
    """Return every arm's difference to the base, with Holm's correction over the arms.

    Args:
        measure: what the outcomes are.
        outcomes: a run each, also those without a value.
        base: name of the base.
        arms: names of the others.
        alpha: error of all arms together.

    Raises:
        UserError: if a run appears twice, or censored runs have no meaning.
    """
    ready = prepared(measure, outcomes)
    found = [_effect(measure, ready, base, arm, alpha, len(arms)) for arm in arms]
    adjusted = holm([effect.p for effect in found])
    return [
        replace(effect, adjusted=p, shown=verdict(measure, effect.estimate, p, alpha))
        for effect, p in zip(found, adjusted, strict=True)
    ]


def verdict(measure: Measure, estimate: float, p: float, alpha: float = ALPHA) -> Shown:
    """Return the answer that a p-value and the side of the estimate give."""
    return side(measure, estimate) if p <= alpha else "no difference shown"


def side(measure: Measure, estimate: float) -> Literal["better", "worse"]:
    """Return whether an arm looks better, whatever its uncertainty."""
    if measure.censored == "rank":
        return "better" if estimate > 0.5 else "worse"
    return "better" if (estimate > 0) != measure.smaller_is_better else "worse"


def estimated(measure: Measure, pairs: Pairs) -> float:
    """Return arm minus base, or the probability that the arm is earlier; NaN without pairs."""
    if not pairs.seeds:
        return math.nan
    if measure.censored == "rank":
        return earlier(pairs.base, pairs.arm)
    return float(pairs.arm.mean() - pairs.base.mean())


def _effect(
    measure: Measure,
    outcomes: Sequence[Outcome],
    base: str,
    arm: str,
    alpha: float,
    arms: int,
) -> Effect:
    """Return one arm's difference to the base."""
    ranks = measure.censored == "rank"
    limits = _limits(measure, outcomes)
    pairs = paired(outcomes, base, arm)
    known = (len(pairs.seeds), pairs.censored, pairs.missing, pairs.correlation)
    estimate = estimated(measure, pairs)
    n = len(pairs.seeds)
    if not n:
        return Effect(arm, estimate, -np.inf, np.inf, 1.0, math.nan, *known, "no pairs")
    if ranks:
        low, high = earlier_interval(estimate, n, n, alpha)
        size, method = detectable_share(n, n, alpha / arms) - 0.5, "ranks"
    else:
        low, high, method = mean_interval(pairs.base, pairs.arm, alpha, limits)
        size = detectable(pairs.base, pairs.arm, alpha / arms)
    p = p_of(measure, pairs)
    favored = arm if side(measure, estimate) == "better" else base
    if pairs.missing[favored == arm]:
        failed = as_failures(measure, outcomes, favored)
        p = max(p, p_of(measure, paired(failed, base, arm)))
    null = 0.5 if ranks else 0.0
    return Effect(arm, estimate, low, high, p, size, *known, method, null=null)


def p_of(measure: Measure, pairs: Pairs) -> float:
    """Return the two-sided p-value of a fixed number of pairs; 1 if they are too few."""
    if measure.censored == "rank":
        return _rank_p(pairs)
    base, arm = pairs.base, pairs.arm
    difference = arm - base
    if len(base) >= FEWEST:
        return float(p_value(base, arm))
    if len(base) < 2 or np.ptp(difference) == 0:
        return 1.0
    error = float(difference.std(ddof=1)) / math.sqrt(len(base))
    t = abs(float(difference.mean())) / error
    return 2 * float(stats.t.sf(t, len(base) - 1))


def _rank_p(pairs: Pairs) -> float:
    """Return the exact p-value of the ranks; 1 if there are too few for any."""
    n = len(pairs.seeds)
    ranks = midranks(np.concatenate([pairs.base, pairs.arm]))
    if n < FEWEST:  # 3 against 3: two of 20 splits are 10 %
        far = abs(earlier(pairs.base, pairs.arm) - 0.5) == 0.5
        return 2 / math.comb(2 * n, n) if far else 1.0
    return float(p_value(ranks[:n], ranks[n:]))


def mean_interval(
    base: Array, arm: Array, alpha: float, limits: tuple[float, float] | None
) -> tuple[float, float, str]:
    """Return the interval of mean(arm) - mean(base), and the name of its method.

    Args:
        base: (n,), n > 0, paired with
        arm: (n,).
        alpha: 0.05 for 95 %.
        limits: the least and the largest value that a run can have; None: unknown.
    """
    n = len(base)
    difference = arm - base
    if np.ptp(base) == 0 and np.ptp(arm) == 0 and n > 1:
        return *_without_spread(base, arm, alpha, limits), "no spread: Newcombe"
    if n < 2 or (n < FEWEST and np.ptp(difference) == 0):
        return -np.inf, np.inf, "too few runs"
    if n < FEWEST:
        center = float(difference.mean())
        error = float(difference.std(ddof=1)) / math.sqrt(n)
        reach = float(stats.t.ppf(1 - alpha / 2, n - 1)) * error
        low, high, method = center - reach, center + reach, "paired t"
    else:
        low, high, method = *shift_interval(base, arm, alpha), "permutation"
    if limits is not None:
        size = limits[1] - limits[0]
        low, high = max(low, -size), min(high, size)
    return low, high, method


def _without_spread(
    base: Array, arm: Array, alpha: float, limits: tuple[float, float] | None
) -> tuple[float, float]:
    """Return Newcombe's interval where all runs of an arm are equal.

    Each arm's mean may be off by the share of runs that may end at the other limit
    without having shown up: Wilson's interval of 0 in n. Source: Newcombe (1998),
    "Interval estimation for the difference between independent proportions", method 10.
    """
    if limits is None or not all(map(math.isfinite, limits)):
        return -np.inf, np.inf
    unseen = wilson_interval(0, len(base), float(stats.norm.ppf(1 - alpha / 2))).high
    ends = [
        (unseen * (x - limits[0]), unseen * (limits[1] - x)) for x in (base[0], arm[0])
    ]
    estimate = float(arm[0] - base[0])
    down = math.hypot(ends[0][1], ends[1][0])
    up = math.hypot(ends[0][0], ends[1][1])
    return estimate - down, estimate + up


def _limits(
    measure: Measure, outcomes: Sequence[Outcome]
) -> tuple[float, float] | None:
    """Return the least and the largest value that a run can have."""
    if measure.kind != "time_to":
        return 0.0, 1.0
    tau = horizon(outcomes)
    return (0.0, tau) if math.isfinite(tau) else None


def detectable(
    base: Array, arm: Array, alpha: float = ALPHA, power: float = POWER
) -> float:
    """Return the difference that such a study shows with some power; NaN if unknown.

    (t(1 - α/2) + t(power)) standard errors, at the spread that the runs have.
    """
    n = len(base)
    error = math.sqrt(float(spread(base - base.mean(), arm - arm.mean())) / n)
    if n < 2 or error == 0:
        return math.nan
    free = 2 * n - 2 if n >= FEWEST else n - 1
    return float(stats.t.ppf(1 - alpha / 2, free) + stats.t.ppf(power, free)) * error


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for several comparisons.

    Source: Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    order = np.argsort(p_values, kind="stable")
    found = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, (len(p_values) - rank) * p_values[index])
        found[index] = min(1.0, largest)
    return found


def iqm(values: Array) -> float:
    """Return the mean of the middle half of the values; NaN without any.

    Source: Agarwal et al. (2021), "Deep reinforcement learning at the edge of the
    statistical precipice".
    """
    return float(stats.trim_mean(values, 0.25)) if len(values) else math.nan


def iqm_over_tasks(
    tasks: Sequence[Array], alpha: float = ALPHA, drawn: int = 5_000
) -> tuple[float, float, float]:
    """Return the IQM of all runs of all tasks, with a stratified bootstrap interval.

    Runs are drawn within their task. With one task of a few runs the interval is too
    narrow; Agarwal et al. (2021) show it for ten runs and more in all.

    Args:
        tasks: for each task its runs, comparable between tasks: success rates.
        alpha: 0.05 for 95 %.
        drawn: resamples; always the same ones.

    Raises:
        ValueError: if there are fewer than ten runs.
    """
    everything = np.concatenate(list(tasks))
    if len(everything) < 10:
        raise ValueError(f"{len(everything)} runs; an interval of the IQM needs 10")
    rng = np.random.default_rng(len(everything))
    draws = [task[rng.integers(len(task), size=(drawn, len(task)))] for task in tasks]
    means = stats.trim_mean(np.concatenate(draws, axis=1), 0.25, axis=1)
    low, high = np.quantile(means, [alpha / 2, 1 - alpha / 2])
    return iqm(everything), float(low), float(high)

"""Pair the runs of two arms by seed, and count those that have no value."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from puckrl.core.errors import UserError
from puckrl.statistics.measure import Measure, Outcome
from puckrl.statistics.permute import Array


@dataclass(frozen=True)
class Pairs:
    """Hold the runs of two arms that have a value, in the order of their seeds."""

    seeds: tuple[int, ...]
    """Seeds that have a value in both arms."""
    base: Array
    """(n,), the base's values; inf for a time that was never reached, if ranks count."""
    arm: Array
    """(n,), the arm's values."""
    censored: tuple[int, int]
    """How many of the pairs' runs never reached the threshold: base, arm."""
    missing: tuple[int, int]
    """How many runs have no value, whatever the reason: base, arm."""

    @property
    def correlation(self) -> float:
        """Return Pearson's correlation over the pairs; NaN below 3 or without spread."""
        finite = np.isfinite(self.base) & np.isfinite(self.arm)
        base, arm = self.base[finite], self.arm[finite]
        if len(base) < 3 or np.ptp(base) == 0 or np.ptp(arm) == 0:
            return float("nan")
        return float(np.corrcoef(base, arm)[0, 1])


def prepared(measure: Measure, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return outcomes whose censored runs have the value that the measure says.

    ``restricted``: every time counts up to the same τ, the earliest end of a censored run
    of any arm, so the mean is the restricted mean time (Royston and Parmar, 2013).
    ``rank``: inf.

    Raises:
        UserError: if runs are censored and the measure does not say what they count, or a
            run appears twice.
    """
    once = {(outcome.arm, outcome.seed) for outcome in outcomes}
    if len(once) < len(outcomes):
        raise UserError(
            "an arm has two runs of one seed; give each run a seed of its own"
        )
    if measure.kind != "time_to" or not any(o.censored for o in outcomes):
        return list(outcomes)
    if measure.censored is None:
        raise UserError(f"{measure}: runs never reached it; add censored=restricted or "
                        "censored=rank")  # fmt: skip
    if measure.censored == "rank":
        return [replace(o, value=np.inf) if o.censored else o for o in outcomes]
    tau = horizon(outcomes)
    return [replace(o, value=min(o.value, tau)) for o in outcomes]


def horizon(outcomes: Sequence[Outcome]) -> float:
    """Return τ: the earliest end of a run that never arrived; inf if all arrived."""
    return min(
        (o.value for o in outcomes if o.censored and not o.problem), default=np.inf
    )


def paired(outcomes: Sequence[Outcome], base: str, arm: str) -> Pairs:
    """Return the pairs of two arms, from outcomes that are ``prepared``."""
    sides = [{o.seed: o for o in outcomes if o.arm == name} for name in (base, arm)]
    valued = [{s: o for s, o in side.items() if not o.problem} for side in sides]
    seeds = tuple(sorted(set(valued[0]) & set(valued[1])))
    kept = [[side[seed] for seed in seeds] for side in valued]
    values = [np.array([o.value for o in side], dtype=np.float64) for side in kept]
    censored = [sum(o.censored for o in side) for side in kept]
    missing = [sum(bool(o.problem) for o in side.values()) for side in sides]
    return Pairs(
        seeds,
        values[0],
        values[1],
        (censored[0], censored[1]),
        (missing[0], missing[1]),
    )


def as_failures(
    measure: Measure, outcomes: Sequence[Outcome], arm: str
) -> list[Outcome]:
    """Return outcomes in which an arm's runs without a value have the worst one.

    That is no success, or a time that was never reached. An arm whose runs diverge must
    not win by its survivors.
    """
    if measure.smaller_is_better:
        worst = max((o.value for o in outcomes if not o.problem), default=np.inf)
        worst = np.inf if measure.censored == "rank" else worst
    else:
        worst = 0.0
    lost = {"value": worst, "censored": measure.smaller_is_better, "problem": ""}
    return [replace(o, **lost) if o.arm == arm and o.problem else o for o in outcomes]

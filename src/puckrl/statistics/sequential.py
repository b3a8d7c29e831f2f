"""Decide after each look whether an arm needs more seeds, or its answer is known.

Every arm has its own path of looks (``looks.py``) and stops by itself. Holm's correction of
the paths' p-values holds the error over all arms at every look: Maurer and Bretz (2013).

An arm is given up once more seeds would hardly help: its predictive power, the chance to
be rejected at the last look given nothing but the runs so far, is below 0.3. Giving up
only lowers the error, so nothing breaks if runs go on regardless.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from puckrl.statistics.inference import Effect, effects, estimated, holm, side
from puckrl.statistics.looks import (
    FUTILE,
    Looks,
    Rejections,
    predictive_power,
    rejections,
    separations,
)
from puckrl.statistics.measure import Measure, Outcome
from puckrl.statistics.pairs import as_failures, paired, prepared
from puckrl.statistics.permute import Array

State = Literal["better", "worse", "no difference shown", "go on"]
_TIE, _LEAST = 1e-9, 1e-6


@dataclass(frozen=True)
class Decision:
    """What is known of an arm."""

    arm: str
    """Its name."""
    state: State
    """The answer, or that it needs more seeds."""
    p: float
    """Level at which the looks so far reject; 1 before the first look."""
    looked: int
    """Complete looks."""
    seen: int
    """Seeds of the look that decides; 0 before the first."""
    next_seeds: tuple[int, ...]
    """Seeds to run for the next look; empty once decided."""


def decide(
    looks: Looks, measure: Measure, outcomes: Sequence[Outcome], base: str,
    arms: Sequence[str],
) -> list[Decision]:  # fmt: skip
    """Return what is known of every arm, and which seeds it needs next.

    A look counts once all its seeds have an outcome in the arm and in the base, with or
    without a value. Base needs the union of what the arms need.

    Args:
        looks: of the study; the same at every call.
        measure: what the outcomes are.
        outcomes: of the runs that ended so far.
        base: name of the base.
        arms: names of the others.

    Raises:
        UserError: as ``effects``.
    """
    ready = prepared(measure, outcomes)
    paths = [_path(looks, measure, ready, base, arm) for arm in arms]
    found = [_p(looks, measure, ready, base, path) for path in paths]
    adjusted = holm(found)
    return [
        _decision(looks, measure, ready, path, p, rejected=together <= looks.alpha)
        for path, p, together in zip(paths, found, adjusted, strict=True)
    ]


def next_runs(
    looks: Looks, decisions: Sequence[Decision], outcomes: Sequence[Outcome], base: str
) -> dict[str, tuple[int, ...]]:
    """Return the seeds to run next of every arm and of the base; empty once all is decided.

    Args:
        looks: of the study.
        decisions: as ``decide`` returns them.
        outcomes: of the runs that ended so far.
        base: name of the base.
    """
    wanted = {d.arm: d.next_seeds for d in decisions if d.next_seeds}
    have = {o.seed for o in outcomes if o.arm == base}
    until = max(
        (looks.at[d.looked] for d in decisions if d.state == "go on"), default=0
    )
    missing = tuple(seed for seed in looks.seeds[:until] if seed not in have)
    return ({base: missing} if missing else {}) | wanted


def sequential_effects(
    looks: Looks, measure: Measure, outcomes: Sequence[Outcome], base: str,
    arms: Sequence[str],
) -> list[Effect]:  # fmt: skip
    """Return every arm's effect, with p-values and intervals that allow for the looks.

    The interval is a repeated confidence interval: that of the runs so far, at the level
    which the deciding look rejects at. Source: Jennison and Turnbull (1989).

    Args:
        looks: of the study.
        measure: what the outcomes are.
        outcomes: of all runs.
        base: name of the base.
        arms: names of the others.
    """
    ready = prepared(measure, outcomes)
    decisions = decide(looks, measure, outcomes, base, arms)
    adjusted = holm([decision.p for decision in decisions])
    found: list[Effect] = []
    for decision, p in zip(decisions, adjusted, strict=True):
        path = _path(looks, measure, ready, base, decision.arm)
        (effect,) = effects(
            measure, path.outcomes, base, [decision.arm], path.last_level(looks.alpha)
        )
        state = decision.state
        shown = "no difference shown" if state == "go on" else state
        how = f"{effect.method}, {decision.looked} of {len(looks.at)} looks"
        found.append(replace(effect, p=decision.p, adjusted=p, shown=shown, method=how))
    return found


@dataclass(frozen=True)
class _Path:
    """An arm's comparison at every look so far."""

    arm: str
    outcomes: tuple[Outcome, ...]
    """Of base and arm, of the seeds of all complete looks; prepared."""
    apart: Array
    """(ways, complete looks), as ``separations`` returns it."""
    tests: Rejections
    """Of the complete looks."""

    @property
    def looked(self) -> int:
        """Return the number of complete looks."""
        return self.apart.shape[-1]

    @property
    def p(self) -> float:
        """Return the p-value over the complete looks."""
        return float(self.tests.p)

    def last_level(self, alpha: float) -> float:
        """Return the level at which the last look alone rejects, out of ``alpha``."""
        if not self.looked:
            return _LEAST
        border = self.tests.borders[self.tests.levels.index(alpha), -1]
        return max(float((self.apart[:, -1] > border + _TIE).mean()), _LEAST)


def _path(
    looks: Looks, measure: Measure, outcomes: Sequence[Outcome], base: str, arm: str
) -> _Path:
    """Return the comparison of an arm at its complete looks."""
    ended = [{o.seed for o in outcomes if o.arm == name} for name in (base, arm)]
    both = ended[0] & ended[1]
    ready = next(
        (i for i, s in enumerate(looks.seeds) if s not in both), len(looks.seeds)
    )
    looked = sum(n <= ready for n in looks.at)
    order = looks.seeds[: looks.at[looked - 1]] if looked else ()
    seen = tuple(o for o in outcomes if o.seed in order and o.arm in (base, arm))
    pairs = paired(seen, base, arm)
    places = np.array([order.index(seed) for seed in pairs.seeds], dtype=np.int64)
    by_order = np.argsort(places)
    sizes = [int((places < n).sum()) for n in looks.at[:looked]]
    ranks = measure.censored == "rank"
    apart = separations(pairs.base[by_order], pairs.arm[by_order], sizes, ranks=ranks)
    tests = rejections(apart, looks.spent[:looked], looks.levels)
    return _Path(arm, seen, apart, tests)


def _p(
    looks: Looks, measure: Measure, outcomes: Sequence[Outcome], base: str, path: _Path
) -> float:
    """Return the p-value over all looks; runs without a value cannot make an arm win."""
    p = path.p
    pairs = paired(path.outcomes, base, path.arm)
    looks_better = side(measure, estimated(measure, pairs)) == "better"
    favored = path.arm if looks_better else base
    if not pairs.missing[looks_better]:
        return p
    failed = as_failures(measure, outcomes, favored)
    other = _path(looks, measure, failed, base, path.arm)
    return max(p, other.p)


def _decision(
    looks: Looks, measure: Measure, outcomes: Sequence[Outcome], path: _Path, p: float,
    rejected: bool,
) -> Decision:  # fmt: skip
    """Return what is known of an arm, and the seeds that it needs next."""
    looked = path.looked
    seen = looks.at[looked - 1] if looked else 0
    state: State = "go on"
    if rejected:
        base = next(o.arm for o in path.outcomes if o.arm != path.arm)
        state = side(measure, estimated(measure, paired(path.outcomes, base, path.arm)))
    elif looked == len(looks.at) or (looked and _futile(looks, path)):
        state = "no difference shown"
    ended = {o.seed for o in outcomes if o.arm == path.arm}
    wanted = looks.seeds[: looks.at[looked]] if state == "go on" else ()
    more = tuple(seed for seed in wanted if seed not in ended)
    return Decision(path.arm, state, p, looked, seen, more)


def _futile(looks: Looks, path: _Path) -> bool:
    """Return whether more seeds would hardly help."""
    last = path.apart[:, -1]
    p = float((last >= last[0] - _TIE).mean())
    done = looks.at[path.looked - 1] / looks.at[-1]
    return bool(predictive_power(p, done, looks.alpha / looks.arms) < FUTILE)

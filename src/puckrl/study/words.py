"""Say in plain words what a study showed, what it did not, and what it cost."""

import math
from collections.abc import Sequence

import numpy as np

from puckrl.core.words import duration
from puckrl.statistics.inference import Effect
from puckrl.statistics.measure import Measure
from puckrl.study.outcomes import RunRecord


def amount(measure: Measure, number: float, *, signed: bool = False) -> str:
    """Return a number in the measure's unit: "12.3 points", "41,000 env steps".

    Args:
        measure: what is counted.
        number: a value, or with ``signed`` a difference.
        signed: whether it has a sign, and shares are points.
    """
    if math.isnan(number):
        return "unknown"
    if math.isinf(number):
        return "−∞" if number < 0 else "∞"
    sign = "+" if signed and number > 0 else "−" if number < 0 else ""
    size = abs(number)
    if measure.kind != "time_to":
        return f"{sign}{100 * size:.1f}{' points' if signed else ' %'}"
    if measure.censored == "rank" and signed:
        return f"{sign}{100 * size:.0f} points"
    digits = 0 if size >= 100 or measure.unit != "s" else 1
    return f"{sign}{size:,.{digits}f} {measure.unit}"


def interval(measure: Measure, effect: Effect) -> str:
    """Return "estimate (95 % interval low to high)" of an effect."""
    if measure.censored == "rank":
        low, mid, high = (
            f"{100 * x:.0f} %" for x in (effect.low, effect.estimate, effect.high)
        )
        return f"earlier in {mid} of pairings (95 % interval {low} to {high})"
    low, mid, high = (
        amount(measure, x, signed=True)
        for x in (effect.low, effect.estimate, effect.high)
    )
    return f"{mid} (95 % interval {_bare(low)} to {_bare(high)})"


def _bare(text: str) -> str:
    """Return an amount without its unit."""
    return text.partition(" ")[0]


def shown(measure: Measure, effects: Sequence[Effect]) -> str:
    """Return the sentence on the differences that were shown."""
    sure = [e for e in effects if e.shown != "no difference shown"]
    if not sure:
        return (
            "**Shown:** nothing; no difference to the base is larger than chance makes."
        )
    parts = [
        f"`{e.arm}` is {e.shown} than the base: {interval(measure, e)}, p "
        f"{'≤' if 'looks' in e.method else '='} {e.adjusted:.2g} after Holm, {e.n} pairs"
        for e in sure
    ]
    return f"**Shown:** {'; '.join(parts)}."


def not_shown(measure: Measure, effects: Sequence[Effect]) -> str:
    """Return the sentence on arms without a difference, and what could have been seen."""
    unsure = [e for e in effects if e.shown == "no difference shown"]
    if not unsure:
        return "**Not shown:** nothing; every arm got an answer."
    return f"**Not shown:** {'; '.join(_unsure(measure, e) for e in unsure)}."


def _unsure(measure: Measure, effect: Effect) -> str:
    """Return what is known of an arm without an answer."""
    if not effect.n:
        return f"`{effect.arm}` has no pair of runs with values"
    size = effect.detectable
    if math.isnan(size):
        could = "its runs do not vary, so rarer failures stay unseen"
    else:
        seen = amount(measure, size, signed=True).lstrip("+")
        could = f"it would have shown {seen} in four cases of five"
    return f"`{effect.arm}` may or may not differ: {interval(measure, effect)}; {could}"


def cost(records: Sequence[RunRecord]) -> str:
    """Return the sentence on what the study cost."""
    made = [record for record in records if record.rows]
    steps = _sum(made, "env_steps")
    updates = _sum(made, "updates")
    took = duration(_sum(made, "wall_s"))
    theirs = sum(record.foreign for record in records)
    foreign = f" ({theirs} of them by other programs)" if theirs else ""
    return (
        f"**Cost:** {len(made)} runs{foreign}, {steps:,.0f} env steps, "
        f"{updates:,.0f} updates, {took} of runs."
    )


def _sum(records: Sequence[RunRecord], clock: str) -> float:
    read = [record.last(clock) for record in records]
    return float(sum(x for x in read if math.isfinite(x)))


_CLOCKS = (("updates", "updates"), ("wall_s", "seconds"))
_EQUAL = 0.03


def binding_clock(
    measure: Measure, records: Sequence[RunRecord], arms: Sequence[str]
) -> str:
    """Return which clock the arms are compared on, and which clocks they do not share.

    Args:
        measure: names the clock.
        records: all runs.
        arms: names, the base first.
    """
    clock = {"train_s": "seconds of training", "total_s": "seconds of the whole run"}
    own = str(measure.clock or "env_steps")
    first = f"Arms are compared at equal {clock.get(own, own.replace('_', ' '))}."
    apart: list[str] = []
    for name, words in _CLOCKS:
        rates = {arm: _rate(records, arm, name) for arm in arms}
        base = rates[arms[0]]
        for arm, rate in rates.items():
            if base > 0 and abs(rate / base - 1) > _EQUAL:
                apart.append(f"`{arm}` takes {rate / base:.2f} times the {words}")
    if not apart:
        return f"{first} They take as many updates and seconds for an env step."
    return f"{first} For an env step, {', '.join(apart)} of the base."


def _rate(records: Sequence[RunRecord], arm: str, clock: str) -> float:
    """Return what an arm's runs take of a clock for an env step; NaN if unknown."""
    mine = [one for one in records if one.arm == arm and one.rows]
    rates = [one.last(clock) / one.last("env_steps") for one in mine]
    rates = [rate for rate in rates if math.isfinite(rate)]
    return float(np.mean(rates)) if rates else math.nan

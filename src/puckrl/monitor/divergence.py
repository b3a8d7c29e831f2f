"""Find values that run away: NaN, Q beyond what the reward allows, losses that explode."""

import numpy as np

from puckrl.monitor.curves import trend
from puckrl.monitor.evidence import Evidence, loss_growth
from puckrl.monitor.table import Curve
from puckrl.monitor.values import (
    GAMMA,
    Bounds,
    allowed,
    entropy_bonus,
    value_curve,
)
from puckrl.monitor.verdict import Color, Finding, Number

_LOSSES = ("train/critic_loss", "train/actor_loss", "train/q_mean")
_CLIMBS = 10.0  # growth of the critic's loss that healthy runs stay below
_EXPLODES = 100.0  # growth that is never a good sign
_SURELY = 1e4  # growth that success cannot outlast
_MIN_LOSS, _NOTABLE_LOSS = 1.0, 0.05  # below the reward of a step, and far below
_SOLVED = 0.8  # success that a growing loss has not hurt
_BEYOND = 10.0  # times what the default discount allows: no usual one does
_OVERSHOOT = 0.04  # of the range: a maximum that no discount moves is held closely
_MOSTLY = 0.7  # of the run, after which success has not stood for long
_SMALL = 0.01  # of the squared size of a return: a loss of sane values
_SLACK = 0.1  # of the range: critics are not exact


def divergence(evidence: Evidence) -> Finding | None:
    """Find values beyond what the reward allows, NaN and infinity."""
    for rule in (
        _lost_numbers,
        _out_of_range,
        _loss_out_of_range,
        _explosion,
        _grows_unbounded,
    ):
        found = rule(evidence)
        if found is not None:
            color, reason, number = found
            return Finding(
                "divergence", color, reason, _advice(evidence, color, number), (number,)
            )
    return None


def _advice(evidence: Evidence, color: Color, number: Number) -> str:
    """Return what to do: at once, or if it goes on."""
    bounds = allowed(evidence)
    cure = "lower the learning rate"
    if not evidence.facts.clipped:
        cure += " and clip the targets to what the reward allows"
    if color == "red":
        return f"stop; {cure}"
    if bounds is None and number.name == "Q":
        return (
            "give what a step's reward may be with --fact reward_bounds=LOW,HIGH; if Q keeps "
            f"growing, {cure}"
        )
    if bounds is not None and bounds.guessed:
        return f"give the discount with --fact gamma=; if Q and the loss keep growing, {cure}"
    return f"watch Q and the loss; if they keep growing, {cure}"


def _times(growth: float) -> str:
    """Return a growth in words; beyond a million its size is enough."""
    if growth < 1.5:
        return "once"
    return f"{growth:,.0f} times" if growth < 1e6 else f"{growth:.0e} times"


def not_finite(evidence: Evidence) -> Finding | None:
    """Note numbers that were NaN or infinite and are finite again."""
    named = [n for n in _LOSSES if evidence.table.not_finite.get(n)]
    if not named or _lost_numbers(evidence) is not None:
        return None
    counts = {name: evidence.table.not_finite[name] for name in named}
    told = ", ".join(f"{name} {_times(count)}" for name, count in counts.items())
    numbers = tuple(Number(name, float(count)) for name, count in counts.items())
    return Finding(
        "not finite",
        "green",
        f"NaN or infinite: {told}; finite where it counts",
        "nothing, unless it comes back",
        numbers,
    )


def standing_since(evidence: Evidence) -> float:
    """Return the env steps since which success is, within its noise, what it is now."""
    success = evidence.success
    near = max(4 * success.sigma_midway_smooth, 0.1)
    away = np.flatnonzero(np.abs(success.smooth.y - success.now) > near)
    # A curve that does not move at all has stood since the first row.
    return float(success.smooth.x[away[-1]]) if len(away) else 0.0


Found = tuple[Color, str, Number] | None


def _lost_numbers(evidence: Evidence) -> Found:
    """Find NaN and infinity at the end of a log, or since success was lost.

    Before the first update, or alone between finite values, they mean nothing.
    """
    for name in _LOSSES:
        count = evidence.table.not_finite.get(name, 0)
        if not count:
            continue
        curve = evidence.table.curve(name)
        if not len(curve):
            flat = evidence.phase in ("flat", "collapsed")
            if flat:
                return _lost("red", name, f"was NaN or infinite {_times(count)}")
            continue
        spacing = float(np.median(np.diff(curve.x))) if len(curve) > 1 else np.inf
        missed = (evidence.table.end - float(curve.x[-1])) / spacing
        if missed > 0.5:
            color = "red" if missed > 1.5 or evidence.phase == "collapsed" else "yellow"
            text = f"{_times(count)}, at the end after {curve.x[-1]:,.0f} env steps"
            return _lost(color, name, f"was NaN or infinite {text}")
        if evidence.phase == "collapsed" and _gap(curve, evidence.begin, spacing):
            text = f"was NaN or infinite {_times(count)} when success was lost"
            return _lost("red", name, text)
    return None


def _lost(color: Color, name: str, reason: str) -> Found:
    """Return the finding of numbers that are none."""
    return color, f"{name} {reason}", Number(name, np.nan, reason)


def _gap(curve: Curve, begin: float, spacing: float) -> bool:
    """Return whether values are missing near a moment."""
    at = np.flatnonzero(np.diff(curve.x) > 1.5 * spacing)
    gaps = curve.x[at]
    return bool((np.abs(gaps - begin) <= max(0.2 * begin, 3 * spacing)).any())


def _out_of_range(evidence: Evidence) -> Found:
    """Find values that the reward does not allow: red if they also climb with the loss."""
    bounds, values = allowed(evidence), value_curve(evidence)
    tail = values.since(0.8 * evidence.table.end)
    if bounds is None or not len(tail):
        return None
    level, slack = float(np.median(tail.y)), _SLACK * bounds.scale
    taken, added = entropy_bonus(evidence)
    above = level - (bounds.high + _OVERSHOOT * bounds.scale + added)
    below = bounds.low - slack - taken - level
    excess, sign = (above, 1.0) if above > 0 else (below, -1.0)
    if not excess > 0:
        return None
    turned = Curve(values.x, sign * values.y)
    color = _severity(evidence, bounds, turned, excess, above=sign > 0)
    if color is None:
        return None
    note = f"{bounds.why}: {_range(bounds)}"
    reason = "Q left the range that the reward allows"
    if color == "yellow":
        reason = "Q runs away slowly: it left the range that the reward allows"
    return color, reason, Number("Q", level, note)


def _severity(
    evidence: Evidence, bounds: Bounds, values: Curve, excess: float, *, above: bool
) -> Color | None:
    """Return how bad values beyond the range are; None while they come back.

    Args:
        evidence: the run.
        bounds: the range; derived ones are wide, and a critic may begin beyond them.
        values: the critic's, turned so that the range lies below them.
        excess: how far beyond it they are.
        above: whether they lie above it, not below.
    """
    if bounds.exact:
        return "red"
    way = trend(values.since(0.5 * evidence.table.end))
    begun = float(np.median(values.y[: max(3, len(values) // 5)]))
    if len(values) < 5 or values.y[-1] <= begun or way.falls:
        return None
    with_loss = way.rises and loss_growth(evidence) >= _CLIMBS
    of_gamma = not (above and bounds.high == 0.0)
    if bounds.guessed and of_gamma:
        # No usual discount makes values this large.
        return "red" if with_loss and excess > _BEYOND * bounds.scale else "yellow"
    far = excess > bounds.scale and bounds.high == 0.0
    return "red" if far or with_loss else "yellow"


def _range(bounds: Bounds) -> str:
    """Return the range in words."""
    if not np.isfinite(bounds.low):
        return f"at most {bounds.high:.3g}"
    return f"{bounds.low:.3g} ... {bounds.high:.3g}"


def _loss_out_of_range(evidence: Evidence) -> Found:
    """Find a loss that no two values within the range can make.

    A TD error is at most the width of the range and a step's reward, so that the mean
    of its square is below twice the square of the width, whatever norm is logged.
    """
    bounds, level = allowed(evidence), evidence.level("train/critic_loss")
    if bounds is None or not np.isfinite(bounds.width):
        return None
    width = bounds.width + sum(entropy_bonus(evidence)) + 1.0
    if not level > 4 * width**2:
        return None
    note = f"values in {_range(bounds)} make {width**2:.3g} at most"
    reason = "the critic's loss is larger than values that the reward allows can make"
    sure = not bounds.guessed or level > 4 * (_BEYOND * width) ** 2
    return "red" if sure else "yellow", reason, Number("critic loss", level, note)


def _explosion(evidence: Evidence) -> Found:
    """Find a loss at 100 times its former level while success does not grow with it."""
    loss, now = evidence.table.curve(_LOSSES[0]), evidence.level(_LOSSES[0])
    if len(loss) < 10:
        return None
    bounds = allowed(evidence)
    if evidence.phase == "collapsed":
        grown = now / max(float(np.quantile(loss.y, 0.2)), 1e-9)
    elif bounds is None or bounds.high <= 0.0:
        grown = loss_growth(evidence)
    else:  # values that grow with returns have a reason
        grown = loss_growth(evidence, standing_since(evidence))
    if not (grown > _EXPLODES and now > _NOTABLE_LOSS):
        return None
    number = Number("critic loss", now, f"{_times(grown)} what it was")
    sane = _small_for_the_reward(evidence, bounds, now)
    solved = evidence.success.now >= _SOLVED
    if sane and not solved and evidence.phase != "collapsed":
        return None
    outlasts = evidence.phase == "take-off" or solved
    if sane or now < _MIN_LOSS or (outlasts and grown < _SURELY):
        stands = f", while success stands at {evidence.success.now:.2f}"
        follows = stands if solved else ", and success does not follow"
        reason = "the critic's loss grew a hundredfold"
        return "yellow", reason + follows, number
    return "red", "the critic's loss explodes", number


def _grows_unbounded(evidence: Evidence) -> Found:
    """Find values that grow while success stands, where no reward is known.

    Beyond what a reward of 1 a step adds up to; below it, hindsight may explain them.
    """
    since = standing_since(evidence)
    values = value_curve(evidence).since(since)
    if allowed(evidence) is not None or len(values) < 10:
        return None
    begun = float(np.median(values.y[: len(values) // 5]))
    now = float(np.median(values.since(0.8 * evidence.table.end).y))
    usual = 1.0 / (1.0 - min(evidence.facts.gamma or GAMMA, 0.999))
    grown = now > max(usual, _CLIMBS * abs(begun)) and trend(values).rises
    if not grown or since > _MOSTLY * evidence.table.end:
        return None
    note = f"a reward of 1 a step adds up to {usual:.0f}; success stands"
    return "yellow", "Q keeps growing while success stands", Number("Q", now, note)


def _small_for_the_reward(
    evidence: Evidence, bounds: Bounds | None, loss: float
) -> bool:
    """Return whether a loss is small beside the squared width of the allowed values.

    Only where Q is logged, and lies within them.
    """
    values = value_curve(evidence)
    if bounds is None or not len(values) or not np.isfinite(bounds.width):
        return False
    level = float(np.median(values.since(0.8 * evidence.table.end).y))
    taken, added = entropy_bonus(evidence)
    slack = _SLACK * bounds.scale
    inside = bounds.low - slack - taken <= level <= bounds.high + slack + added
    return inside and loss < _SMALL * bounds.scale**2

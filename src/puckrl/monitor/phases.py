"""Split a success curve into phases: it leaves the floor, climbs, settles, falls.

    success   1 |                        ______      converged: within noise of its plateau
                |                    .--'            converging: within 5 % of it, or slow
                |                  /
                |                /                   take-off: left the floor for good
              f |______________/                     flat: at the floor f
                +---------------------------> env steps

Levels are fractions of the distance from the run's own floor to 1, and widths are
multiples of the run's own noise. No threshold is a number of env steps or a loss.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from puckrl.monitor.curves import first_above, last_below
from puckrl.monitor.curves import trend as trend_of
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.significance import climbs_on
from puckrl.monitor.success import SuccessCurve, binomial_std
from puckrl.monitor.table import Array, Curve, RunTable
from puckrl.monitor.verdict import Phase, Span

_TAIL = 0.1  # of the run so far: the minimum length of a plateau
_WANDERING = (2.0, 4.0)  # minimum lengths of a plateau over which noise evens out
_TOP = 0.97  # success that leaves no room to climb
_SEEN = 30.0  # episodes that must reach it
_SURE = 1.64  # a one-sided 5 %: of four points, all in order
_FALL = 0.5  # of the way from floor to peak: the minimum loss of a collapse
_STRETCHES = (4, 8, 16, 32)  # points that are compared together
_HIGH = 0.8  # success of a plateau that counts as converged
_AT_LEAST = 0.9  # lower bound of success that is success enough

Starts = list[tuple[Phase, float]]


@dataclass(frozen=True)
class Plateau:
    """Say at which level a curve stands still."""

    level: float
    """Median success over the plateau."""
    mean: float
    """Mean success over the plateau: of few episodes the better estimate."""
    points: int
    """Its points."""


def spans(table: RunTable, success: SuccessCurve, facts: RunFacts) -> tuple[Span, ...]:
    """Return the run's phases from its first row to its last."""
    starts: Starts = []
    rest = success.smooth
    while len(rest):
        fall = _collapse(rest, success)
        healthy = rest if fall is None else rest.upto(fall[0])
        resumed = bool(starts)
        starts += _climb(healthy, success, resumed=resumed)
        if fall is None:
            break
        starts.append(("collapsed", fall[0]))
        if fall[1] is None:
            break
        rest = rest.since(fall[1])
    if len(starts) > 1 and _never_flat(starts, table, success):
        starts = starts[1:]
        # Phases that end where they begin took no time before the first row either.
        while len(starts) > 1 and starts[1][1] <= starts[0][1]:
            starts = starts[1:]
    return _on_clocks(_with_warm_up(starts, table), table, facts)


def _never_flat(starts: Starts, table: RunTable, success: SuccessCurve) -> bool:
    """Return whether a run had left its floor at its first point, and in training too."""
    trained = table.curve("train/success").upto(starts[1][1])
    at_once = starts[1][1] <= starts[0][1] and len(trained) > 0
    return at_once and float(trained.y.min()) > success.left_level


def _climb(curve: Curve, success: SuccessCurve, *, resumed: bool) -> Starts:
    """Return which of flat, take-off, converging, converged a curve went through."""
    begin = float(curve.x[0])
    starts: Starts = [("take-off" if resumed else "flat", begin)]
    hold = min(2, len(curve))
    flat_end = plateau(curve, success)
    away = success.left_level
    if flat_end is not None and success.risen(flat_end.level, flat_end.points):
        away = min(away, (success.floor + flat_end.level) / 2)
    left = begin if resumed else first_above(curve, away, hold)
    back = flat_end is not None and max(flat_end.level, curve.y[-1]) < away
    if left is None or (back and not resumed):  # luck that did not last is no take-off
        return starts
    if not resumed:
        starts.append(("take-off", _onset(curve, success, left)))
    known = success.scale == "success" or (
        success.scale == "lower bound" and curve.y[-1] >= _AT_LEAST
    )
    if not known:
        return starts + _standstill(curve, success, flat_end, starts[-1][1])
    level = 1.0 if flat_end is None else flat_end.level
    slowed = first_above(curve.since(left), 0.95 * level, 1)
    slowed = _slowed(curve.since(left), success) if slowed is None else slowed
    if slowed is None:
        return starts
    starts.append(("converging", max(slowed, starts[-1][1])))
    ends = [_at_the_top(curve, success)]
    if flat_end is not None and min(flat_end.level, flat_end.mean) >= _HIGH:
        ends.append(_at_the_plateau(curve, success, level))
    arrived = [x for x in ends if x is not None]
    if arrived:
        starts.append(("converged", max(min(arrived), starts[-1][1])))
    return starts


def _standstill(
    curve: Curve, success: SuccessCurve, end: Plateau | None, after: float
) -> Starts:
    """Return since when returns stand still: what they are worth is not known."""
    arrived = None if end is None else _at_the_plateau(curve, success, end.level)
    return [] if arrived is None else [("unknown", max(arrived, after))]


def _onset(curve: Curve, success: SuccessCurve, left: float) -> float:
    """Return where success began to rise, given where it has surely left the floor.

    It began between two points: half-way is the best guess.
    """
    before = curve.upto(left)
    early = before.y[: max(1, int(0.8 * len(before)))]
    floor = min(float(np.median(early)), success.left_level)
    level = floor + max(2 * success.sigma_smooth, 0.03 * (1 - floor))
    found = last_below(before, level) if len(before) else None
    if found is None or found >= left:
        return left
    after = curve.x[curve.x > found]
    return (found + float(after[0])) / 2


def _at_the_top(curve: Curve, success: SuccessCurve) -> float | None:
    """Return when the last values, two or more, reached the top; None if they did not."""
    raw = success.raw.upto(float(curve.x[-1])).since(float(curve.x[0]))
    if not success.sure_scale or not len(raw) or raw.y[-1] < _TOP:
        return None
    return first_above(raw, _TOP, max(2, math.ceil(_SEEN / success.episodes)))


def _at_the_plateau(curve: Curve, success: SuccessCurve, level: float) -> float | None:
    """Return when the curve came within twice its noise of its last level.

    None unless it came within its noise long enough ago.
    """
    arrived, surely = (
        first_above(curve, level - max(widths * success.sigma_smooth, 0.02), 1)
        for widths in (2, 1)
    )
    long_ago = surely is not None and curve.x[-1] - surely >= 0.8 * _tail(curve)
    return arrived if long_ago else None


def plateau(curve: Curve, success: SuccessCurve) -> Plateau | None:
    """Return the plateau at the end of a curve; None if it moves or is too short.

    Args:
        curve: the smoothed curve, or an early part of it.
        success: the run's curve, whose raw points and noise decide.
    """
    wanders = success.overlaps or success.scale != "success"
    found = (_stands(curve, success, n) for n in (_WANDERING if wanders else (1.0,)))
    return next((level for level in found if level is not None), None)


def _stands(curve: Curve, success: SuccessCurve, lengths: float) -> Plateau | None:
    """Return the plateau over the last ``lengths`` times its minimum length, if any."""
    end = float(curve.x[-1])
    tail = success.raw.upto(end).since(end - lengths * _tail(curve))
    if len(tail) < 3:
        return None
    level, way = float(np.median(tail.y)), trend_of(tail)
    luck = 2 * success.sigma_smooth
    if success.overlaps:
        luck = max(
            luck, 3 * binomial_std(float(np.clip(level, 0, 1)), success.episodes)
        )
    moves = abs(way.change) > max(luck, 0.03) and abs(way.z) > _SURE
    spread = float(np.std(tail.y)) > max(2 * success.sigma, luck, 0.05)
    climbs = still_climbs(success.raw.upto(end), success)
    mean = float(np.mean(tail.y))
    return None if moves or spread or climbs else Plateau(level, mean, len(tail))


def still_climbs(curve: Curve, success: SuccessCurve) -> bool:
    """Return whether a curve climbs to its end: a few points of a plateau may hide it."""
    rate = float(np.clip(curve.y.mean(), 0.0, 1.0))
    known = success.scale == "success"
    return climbs_on(curve, binomial_std(rate, success.episodes) if known else 0.0)


def _tail(curve: Curve) -> float:
    """Return how long a plateau must last, env steps: a share of the run, four points."""
    spacing = float(np.median(np.diff(curve.x))) if len(curve) > 1 else 0.0
    return max(_TAIL * float(curve.x[-1]), 3.5 * spacing)


def _slowed(curve: Curve, success: SuccessCurve) -> float | None:
    """Return when the climb, high up, lost four fifths of its maximum speed."""
    if len(curve) < 4:
        return None
    speed = np.gradient(curve.y, curve.x)
    fastest = int(np.argmax(speed))
    high = curve.y >= success.floor + 0.6 * (1 - success.floor)
    slow = high & (speed <= 0.2 * speed[fastest])
    slow[: fastest + 1] = False
    steady = np.flatnonzero(slow[:-1] & slow[1:])
    return float(curve.x[steady[0]]) if len(steady) else None


def _collapse(curve: Curve, success: SuccessCurve) -> tuple[float, float | None] | None:
    """Return when success lost half of its gain, and when it came back (None: never)."""
    raw = success.raw.upto(float(curve.x[-1])).since(float(curve.x[0]))
    peak: Array = np.maximum.accumulate(curve.y)
    places = np.where(curve.y >= peak, np.arange(len(curve)), 0)
    best: NDArray[np.int64] = np.maximum.accumulate(places)
    first = int((success.smooth.x < curve.x[0]).sum())
    shares = success.shares[first : first + len(curve)]
    gained = peak - success.floor
    enough = gained >= max(0.25, 5 * success.sigma_smooth)
    half = success.floor + _FALL * gained
    slow = (curve.y < half) & enough
    slow &= success.fallen(peak, curve.y, (shares[best], shares))
    # Smoothing lends a first point the height of what follows it.
    reached: Array = np.append(-np.inf, np.maximum.accumulate(raw.y)[:-1])
    pair = np.append((raw.y[:-1] + raw.y[1:]) / 2, raw.y[-1:])
    quick, deep = (
        (raw.y < half)
        & (reached > half)
        & enough
        & success.fallen(peak, low, (shares[best], share))
        for low, share in (
            (pair, np.full(len(raw), np.sqrt(0.5))),
            (raw.y, np.ones(len(raw))),
        )
    )
    long = _lost_for_long(raw, success) & (curve.y < half) & enough
    for i in range(len(curve) - 1):  # the last point may be one bad evaluation
        both = quick[i] and raw.y[i + 1] < half[i]
        dips = success.scale == "success" and (deep[i] or both)
        if dips or long[i] or slow[i : i + 3].all():
            x, level = float(curve.x[i]), success.floor + 0.75 * float(gained[i])
            return x, first_above((raw if dips else curve).since(x), level, 2)
    return None


def _lost_for_long(raw: Curve, success: SuccessCurve) -> NDArray[np.bool_]:
    """Return where stretches of points lie below as long ones before, by half, beyond luck.

    Few episodes tell a loss only together: of every length, the best stretch before a
    point is compared with the one that begins there, (n,).
    """
    lost = np.zeros(len(raw), dtype=np.bool_)
    for points in _STRETCHES if success.scale == "success" else ():
        if len(raw) < 2 * points:
            break
        sums = np.append(0.0, np.cumsum(raw.y))
        means: Array = (sums[points:] - sums[:-points]) / points
        before, after = np.maximum.accumulate(means[:-points]), means[points:]
        share = np.full(len(after), (1 + success.fresh * (points - 1)) ** -0.5)
        fell = after < success.floor + _FALL * (before - success.floor)
        fell &= success.fallen(before, after, (share, share))
        lost[points : points + len(fell)] |= fell
    return lost


def warm_up_end(table: RunTable) -> float | None:
    """Return the env steps of the first row after an update; None if unknown."""
    updates = table.curve("updates")
    if len(updates):
        after = updates.x[updates.y > 0]
        return float(after[0]) if len(after) else float(updates.x[-1])
    losses = table.curve("train/critic_loss")
    return float(losses.x[0]) if len(losses) else None


def _with_warm_up(starts: Starts, table: RunTable) -> Starts:
    """Put the random play before the first update into a phase of its own."""
    end, first = warm_up_end(table), float(table.columns["env_steps"][0])
    if end is None or end <= first:
        return [(starts[0][0], first), *starts[1:]]
    if end >= table.end:
        return [("warm-up", first)]
    phase, x = starts[0]
    begun: Starts = [(phase, end if phase == "flat" else max(x, end))]
    return [("warm-up", first), *begun, *((p, max(x, end)) for p, x in starts[1:])]


def _on_clocks(starts: Starts, table: RunTable, facts: RunFacts) -> tuple[Span, ...]:
    """Return spans on both clocks; leave out empty ones."""
    bounds: Starts = [*starts, ("unknown", table.end)]
    return tuple(
        Span(
            phase,
            (begin, end),
            (updates_at(table, facts, begin), updates_at(table, facts, end)),
        )
        for (phase, begin), (_, end) in pairwise(bounds)
        if end > begin
    )


def updates_at(table: RunTable, facts: RunFacts, env_steps: float) -> float:
    """Return the updates at a moment: logged, or by the update ratio; else NaN."""
    if "updates" in table and len(table.curve("updates")):
        return table.at("updates", env_steps)
    return np.nan if facts.update_ratio is None else facts.update_ratio * env_steps

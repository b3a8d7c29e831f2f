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

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from puckrl.monitor.curves import (
    binned,
    first_above,
    last_below,
    noise,
    smoothed,
    triangle,
)
from puckrl.monitor.curves import trend as trend_of
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.table import Curve, RunTable
from puckrl.monitor.verdict import Phase, Span

_POINTS = 150
_HALF_WIDTH = 0.03  # of the run so far
_LEFT = 0.15  # of the way from floor to ceiling: beyond chance
_TAIL = 0.1  # of the run so far: the minimum length of a plateau
_TOP = 0.97  # success that leaves no room to climb
_SURE = 1.64  # a one-sided 5 %: of four points, all in order
_FALL = 0.5  # of the way from floor to peak: the minimum loss of a collapse
_MIN_POINTS = 2

Starts = list[tuple[Phase, float]]


@dataclass(frozen=True)
class Plateau:
    """Say at which level a curve stands still."""

    level: float
    """Median success over the plateau."""


@dataclass(frozen=True)
class SuccessCurve:
    """Hold the curve that phases are read from."""

    name: str
    """Signal that it comes from."""
    raw: Curve
    """Success rate, at most 150 points."""
    smooth: Curve
    """The same, smoothed."""
    floor: float
    """Level at which the run began."""
    sigma: float
    """Standard deviation of a raw point around the curve."""
    sure_scale: bool
    """Whether 1 is known to be the best possible."""

    @property
    def sigma_smooth(self) -> float:
        """Return a smoothed point's noise, σ √Σw² / Σw; w: its neighbors' weights."""
        weight = triangle(self.raw, _half_width(self.raw))
        shares = np.sqrt((weight**2).sum(axis=1)) / weight.sum(axis=1)
        return self.sigma * float(np.median(shares))

    @property
    def now(self) -> float:
        """Return the smoothed success at the end."""
        return float(self.smooth.y[-1])

    @property
    def left_level(self) -> float:
        """Return the success rate that noise around the floor does not reach."""
        return self.floor + max(_LEFT * (1 - self.floor), 4 * self.sigma_smooth)


def success_curve(table: RunTable, facts: RunFacts) -> SuccessCurve | None:
    """Return a run's success curve or the best substitute; None with too few points.

    In order of preference: success of evaluations, success while training, returns
    scaled by the horizon (sparse rewards), returns scaled by the run's own range.
    """
    judged, trained = table.curve("eval/success"), table.curve("train/success")
    counted = table.curve("eval/episodes").y
    episodes = float(np.median(counted)) if len(counted) else None
    few = len(judged) < _MIN_POINTS or (
        len(trained) >= 20
        and _judged_noise(judged, episodes) > 2 * noise(trained.y) + 0.02
    )
    if few and len(trained) >= _MIN_POINTS:
        return _curve("train/success", trained, 100.0)
    if len(judged) >= _MIN_POINTS:
        return _curve("eval/success", judged, episodes or 100.0)
    for name in ("eval/return", "train/return"):
        curve = table.curve(name)
        if len(curve) >= _MIN_POINTS:
            return _from_return(name, curve, facts)
    return None


def _judged_noise(judged: Curve, episodes: float | None) -> float:
    """Return the noise of evaluations: binomial if the number of episodes is known.

    Measured on the curve, a steep climb over few points looks like noise.
    """
    return noise(judged.y) if episodes is None else _binomial_std(0.5, episodes)


def _binomial_std(rate: float, episodes: float) -> float:
    """Return the standard deviation of a success rate over ``episodes`` episodes."""
    return float(np.sqrt(rate * (1 - rate) / episodes))


def _from_return(name: str, curve: Curve, facts: RunFacts) -> SuccessCurve:
    """Return the share of steps at the goal (sparse), or the place in the run's range."""
    sparse = facts.sparse is True and facts.horizon
    if sparse and curve.y.max() <= 0:
        share = Curve(curve.x, 1.0 + curve.y / float(facts.horizon or 1))
        return _curve(name, share, 100.0)
    points = binned(curve, _POINTS)
    low, high = float(points.y.min()), float(np.quantile(points.y, 0.98))
    # A range of pure noise must not look like progress.
    span = max(high - low, 8 * noise(points.y), 1e-9)
    return _curve(name, Curve(curve.x, (curve.y - low) / span), 100.0, sure_scale=False)


def _curve(
    name: str, curve: Curve, episodes: float, *, sure_scale: bool = True
) -> SuccessCurve:
    """Smooth a curve and estimate its floor and its noise."""
    raw = binned(curve, _POINTS)
    smooth = smoothed(raw, _half_width(raw))
    first = max(3, len(raw) // 10)
    floor = min(float(np.median(raw.y[:first])), float(smooth.y[0]))
    # No run begins above 0.4: its climb was over before the first point.
    floor = floor if floor < 0.4 else 0.0
    chance = float(np.clip(floor, 0.02, 0.98))
    binomial, measured = _binomial_std(chance, episodes), noise(raw.y)
    if sure_scale:
        # A steep climb over few points looks like noise.
        measured = min(measured, 3 * binomial)
    return SuccessCurve(
        name, raw, smooth, floor, max(binomial, measured), sure_scale=sure_scale
    )


def _half_width(curve: Curve) -> float:
    """Return the half width of the smoothing, in env steps."""
    spacing = float(np.median(np.diff(curve.x)))
    return max(_HALF_WIDTH * float(curve.x[-1] - curve.x[0]), 1.5 * spacing)


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
    return _on_clocks(_with_warm_up(starts, table), table, facts)


def _climb(curve: Curve, success: SuccessCurve, *, resumed: bool) -> Starts:
    """Return which of flat, take-off, converging, converged a curve went through."""
    begin = float(curve.x[0])
    starts: Starts = [("take-off" if resumed else "flat", begin)]
    hold = min(2, len(curve))
    left = begin if resumed else first_above(curve, success.left_level, hold)
    if left is None:
        return starts
    if not resumed:
        starts.append(("take-off", _onset(curve, success, left)))
    flat_end = plateau(curve, success)
    level = 1.0 if flat_end is None else flat_end.level
    slowed = first_above(curve.since(left), 0.95 * level, 1)
    slowed = _slowed(curve.since(left), success) if slowed is None else slowed
    if slowed is None:
        return starts
    starts.append(("converging", max(slowed, starts[-1][1])))
    ends = [_at_the_top(curve, success)]
    if flat_end is not None and flat_end.level >= 0.8:
        ends.append(_at_the_plateau(curve, success, level))
    arrived = [x for x in ends if x is not None]
    if arrived:
        starts.append(("converged", max(min(arrived), starts[-1][1])))
    return starts


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
    """Return when two values in a row reached the top; None if the last one did not."""
    raw = success.raw.upto(float(curve.x[-1])).since(float(curve.x[0]))
    if not success.sure_scale or not len(raw) or raw.y[-1] < _TOP:
        return None
    return first_above(raw, _TOP, 2)


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
    tail = success.raw.upto(float(curve.x[-1])).since(float(curve.x[-1]) - _tail(curve))
    if len(tail) < 3:
        return None
    level, way = float(np.median(tail.y)), trend_of(tail)
    moves = abs(way.change) > max(2 * success.sigma_smooth, 0.03) and abs(way.z) > _SURE
    spread = float(np.std(tail.y)) > max(2 * success.sigma, 0.05)
    return None if moves or spread else Plateau(level)


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
    peak = np.maximum.accumulate(curve.y)
    gained = peak - success.floor
    down = curve.y < success.floor + _FALL * gained
    down &= gained >= max(0.25, 5 * success.sigma_smooth)
    for i in range(len(down) - 1):
        if down[i : i + 3].all():
            back = curve.since(float(curve.x[i]))
            again = first_above(back, success.floor + 0.75 * float(gained[i]), 2)
            return float(curve.x[i]), again
    return None


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
        return starts
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

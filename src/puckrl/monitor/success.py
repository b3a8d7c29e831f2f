"""Build the curve that phases are read from: success, or what returns say of it.

Three scales. A success rate is what is asked. Returns of a reward of -1 a step count the
way to the goal too: they only bound success from below. Any other returns are placed in
the run's own range: they say that something rises, never how good it is.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from puckrl.monitor.curves import binned, noise, smoothed, trend, triangle
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.table import Array, Curve, RunTable

Scale = Literal["success", "lower bound", "own range"]

_POINTS = 150
_HALF_WIDTH = 0.03  # of the run so far
_LEFT = 0.15  # of the way from floor to ceiling: beyond chance
_LEFT_SLOWLY = 0.05  # the same for returns that bound success from below
_MIN_POINTS = 2
_EPISODES = 100.0  # behind a point, where unknown: what Stable-Baselines3 averages
_FEW = 10.0  # episodes that a point must hold, else several are averaged
_FULL = 0.9  # of the episodes of the longest window: a full one
_LEARNED = 0.4  # no run begins above it: its climb was over before the first point
_SURELY = 3.0  # of the trend's statistic: no luck of single episodes
_MOST = 0.8  # of the points must be of full windows, else all count
_FILLING = 5  # first rows whose windows may hold few episodes, where it is not logged
_EARLY = 0.1  # of the run: a rise within it may be windows that fill


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
    scale: Scale = "success"
    """What a value means."""
    episodes: float = _EPISODES
    """Episodes behind a raw point."""
    returns: tuple[float, float] = (0.0, 1.0)
    """Return at 0, and the difference between the returns at 1 and at 0."""
    overlaps: bool = False
    """Whether points share episodes, as means over the last hundred do."""

    @property
    def sure_scale(self) -> bool:
        """Return whether 1 is known to be the best possible."""
        return self.scale != "own range"

    @cached_property
    def _share(self) -> float:
        """Return a smoothed point's noise in that of a raw one, √Σw² / Σw.

        Points that share their episodes share their luck: smoothing takes nothing away.
        """
        if self.overlaps:
            return 1.0
        weight = triangle(self.raw, half_width(self.raw))
        shares = np.sqrt((weight**2).sum(axis=1)) / weight.sum(axis=1)
        return float(np.median(shares))

    @property
    def sigma_smooth(self) -> float:
        """Return a smoothed point's noise, σ √Σw² / Σw; w: its neighbors' weights."""
        return self.sigma * self._share

    @property
    def sigma_midway(self) -> float:
        """Return a raw point's noise at a success of a half, where chance is widest."""
        return max(self.sigma, binomial_std(0.5, self.episodes))

    @property
    def sigma_midway_smooth(self) -> float:
        """Return a smoothed point's noise at a success of a half."""
        return self.sigma_midway * self._share

    @property
    def now(self) -> float:
        """Return the smoothed success at the end."""
        return float(self.smooth.y[-1])

    @property
    def left_level(self) -> float:
        """Return the success rate that noise around the floor does not reach."""
        # A slow way to the goal saves few steps, and each tells of success.
        left = _LEFT_SLOWLY if self.scale == "lower bound" else _LEFT
        return self.floor + max(left * (1 - self.floor), 4 * self.sigma_smooth)

    def return_at(self, level: float) -> float:
        """Return the return that stands behind a level; of success: the level."""
        zero, unit = self.returns
        return zero + unit * level


def success_curve(table: RunTable, facts: RunFacts) -> SuccessCurve | None:
    """Return a run's success curve or the best substitute; None with too few points.

    In order of preference: success of evaluations, success while training, returns
    scaled by the horizon (sparse rewards), returns scaled by the run's own range.
    """
    judged, trained = table.curve("eval/success"), table.curve("train/success")
    episodes = episodes_behind(judged, table.curve("eval/episodes"))
    few = len(judged) < _MIN_POINTS or (
        len(trained) >= 20
        and _judged_noise(judged, episodes) > 2 * noise(trained.y) + 0.02
    )
    if few and len(trained) >= _MIN_POINTS:
        return _of_training(trained, table, facts)
    if len(judged) >= _MIN_POINTS:
        known = _EPISODES if episodes is None else episodes
        return _curve("eval/success", judged, known, together=True)
    for name in ("eval/return", "train/return"):
        curve = table.curve(name)
        if len(curve) >= _MIN_POINTS:
            return _from_return(name, curve, facts)
    return None


def half_width(curve: Curve) -> float:
    """Return the half width of the smoothing, in env steps."""
    spacing = float(np.median(np.diff(curve.x)))
    return max(_HALF_WIDTH * float(curve.x[-1] - curve.x[0]), 1.5 * spacing)


def binomial_std(rate: float, episodes: float) -> float:
    """Return the standard deviation of a success rate over ``episodes`` episodes."""
    return float(np.sqrt(rate * (1 - rate) / episodes))


def episodes_behind(success: Curve, counted: Curve) -> float | None:
    """Return the episodes behind a point: logged, or by the steps of its values.

    Shares of n episodes are multiples of 1/n: only small n can be told from rounding.
    """
    if len(counted):
        return max(float(np.median(counted.y)), 1.0)
    values = np.unique(success.y)
    if len(values) < 2:
        return None
    for episodes in range(1, 41):
        steps = values * episodes
        if np.abs(steps - np.round(steps)).max() < 6e-4 * episodes:
            return float(episodes)
    return None


def _judged_noise(judged: Curve, episodes: float | None) -> float:
    """Return the noise of evaluations: binomial if the number of episodes is known.

    Measured on the curve, a steep climb over few points looks like noise.
    """
    return noise(judged.y) if episodes is None else binomial_std(0.5, episodes)


def _of_training(curve: Curve, table: RunTable, facts: RunFacts) -> SuccessCurve:
    """Return the curve of training success, of full windows where enough are full.

    What the first, short windows hold is part of the first full one.
    """
    episodes = episodes_behind(curve, table.curve("train/episodes_averaged"))
    behind = _behind(curve, table, facts)
    full = behind >= _FULL * float(behind.max())
    if full.sum() >= max(5, _MOST * len(full)):
        curve = Curve(curve.x[full], curve.y[full])
    known = _EPISODES if episodes is None else episodes
    found = _curve("train/success", curve, known, together=known <= 1)
    return _sharing(_without_filling(found))


def _behind(curve: Curve, table: RunTable, facts: RunFacts) -> Array:
    """Return the episodes that each point averages at most, (n,).

    Logged, or the episodes so far up to a full window, counted or by their length. Where
    nothing tells, the first few points may hold less than the others.
    """
    counted = table.curve("train/episodes_averaged")
    if len(counted):
        return np.interp(curve.x, counted.x, counted.y)
    played, length = table.curve("episodes"), table.curve("train/episode_steps")
    if len(played):
        return np.minimum(np.interp(curve.x, played.x, played.y), _EPISODES)
    if len(length):
        steps = np.maximum(np.interp(curve.x, length.x, length.y), 1.0)
        return np.minimum(curve.x / steps, _EPISODES)
    if facts.horizon:
        return np.minimum(curve.x / facts.horizon, _EPISODES)
    return np.where(np.arange(len(curve)) < _FILLING, 0.0, _EPISODES)


def _without_filling(found: SuccessCurve) -> SuccessCurve:
    """Return the curve with the floor of its full windows, if it stands ever since.

    The first rows of a log average over few episodes. Where success stands still, below
    what is learned, from a tenth of the run on, that is where the run began.
    """
    first = max(_FILLING, round(_EARLY * len(found.raw)))
    x, y = found.raw.x[first:], found.raw.y[first:]
    if len(y) < 10:
        return found
    way, level = trend(Curve(x, y)), float(np.median(y))
    luck = binomial_std(level, found.episodes)
    moves = abs(way.z) > 2 and abs(way.change) > max(3 * luck, 0.03)
    wide = float(np.std(y)) > max(2 * luck, 0.02)
    if moves or wide or level >= _LEARNED:
        return found
    sigma = max(found.sigma, binomial_std(level, found.episodes))
    return replace(found, floor=level, sigma=sigma)


def _sharing(found: SuccessCurve) -> SuccessCurve:
    """Return the curve, marked if its points differ less than their episodes allow."""
    rates = np.clip(found.raw.y, 0.02, 0.98)
    usual = float(np.median(np.sqrt(rates * (1 - rates) / found.episodes)))
    less = noise(found.raw.y) < 0.85 * usual
    return replace(found, overlaps=less)


def _from_return(name: str, curve: Curve, facts: RunFacts) -> SuccessCurve:
    """Return the share of steps at the goal (sparse), or the place in the run's range."""
    if facts.sparse is True and facts.horizon and curve.y.max() <= 0:
        steps = float(facts.horizon)
        share = Curve(curve.x, np.clip(1.0 + curve.y / steps, 0.0, 1.0))
        found = _sharing(_curve(name, _evened(share), _EPISODES, scale="lower bound"))
        return replace(found, returns=(-steps, steps))
    evened = _evened(curve)
    points = binned(evened, _POINTS)
    low, high = float(points.y.min()), float(np.quantile(points.y, 0.98))
    # A range of pure noise must not look like progress.
    span = max(high - low, 8 * _spread(points), 1e-9)
    if len(evened) < len(curve) and abs(trend(points).z) < _SURELY:
        span = max(span, 8 * (high - low))
    scaled = Curve(points.x, (points.y - low) / span)
    found = _curve(name, scaled, _EPISODES, scale="own range")
    return replace(found, returns=(low, span))


def _evened(curve: Curve) -> Curve:
    """Return a curve of single episodes as means of ten, any other as it is.

    A few lucky episodes among equal ones leave the median of the differences at 0: their
    deviation from a running median is then far above the usual noise.
    """
    if len(curve) < 30:
        return curve
    spiky = _spread(curve) > 2 * noise(curve.y)
    return binned(curve, max(len(curve) // 10, 5)) if spiky else curve


def _spread(curve: Curve) -> float:
    """Return a point's standard deviation about the median of five, or its noise."""
    if len(curve) < 5:
        return noise(curve.y)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(curve.y, 2, "edge"), 5)
    away: Array = curve.y - np.median(windows, axis=1)
    return max(float(np.std(away)), noise(curve.y))


def _curve(
    name: str,
    curve: Curve,
    episodes: float,
    *,
    scale: Scale = "success",
    together: bool = False,
) -> SuccessCurve:
    """Smooth a curve and estimate its floor and its noise.

    Args:
        name: signal that it comes from.
        curve: on the scale from 0 to 1.
        episodes: behind each point.
        scale: what a value means.
        together: whether the points count different episodes, so that a mean of several
            counts all of theirs.
    """
    most = _POINTS
    if together and episodes < _FEW:
        most = int(np.clip(len(curve) * episodes / _FEW, 3, _POINTS))
    raw = binned(curve, most)
    if together:
        episodes *= len(curve) / len(raw)
    smooth = smoothed(raw, half_width(raw))
    first = max(3, len(raw) // 10)
    floor = min(float(np.median(raw.y[:first])), float(smooth.y[0]))
    floor = floor if floor < _LEARNED else 0.0
    seen = episodes * min(first, len(raw))
    # The rule of succession: no luck in few episodes does not mean none in many.
    chance = float(np.clip((floor * seen + 1) / (seen + 2), 0.02, 0.98))
    binomial, measured = binomial_std(chance, episodes), noise(raw.y)
    if scale != "own range":
        # A steep climb over few points looks like noise.
        measured = min(measured, 3 * binomial)
    sigma = max(binomial, measured)
    return SuccessCurve(name, raw, smooth, floor, sigma, scale, episodes)

"""Build the curve that phases are read from: success, or what returns say of it."""

from dataclasses import replace

import numpy as np

from puckrl.monitor.curves import binned, noise, smoothed, trend
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.significance import beyond_luck, first_level, moves
from puckrl.monitor.success import (
    EPISODES,
    Scale,
    SuccessCurve,
    binomial_std,
    half_width,
)
from puckrl.monitor.table import Array, Curve, RunTable

_POINTS = 150
_MIN_POINTS = 2
_JUDGED, _MANY = 4, 20  # evaluations that count more than as many rows of training
_FEW = 10.0  # episodes that a point must hold, else several are averaged
_FULL = 0.9  # of the episodes of the longest window: a full one
_LEARNED = 0.4  # no run begins above it: its climb was over before the first point
_MOST = 0.8  # of the points must be of full windows, else all count
_FILLING = 5  # first rows whose windows may hold few episodes, where it is not logged
_SHARE = 0.85  # of the luck of their episodes: points below it share some
_EARLY = 0.1  # of the run: a rise within it may be windows that fill


def success_curve(table: RunTable, facts: RunFacts) -> SuccessCurve | None:
    """Return a run's success curve or the best substitute; None with too few points.

    In order of preference: success of evaluations (noise that explores fails where the
    policy does not), success while training, returns scaled by the horizon (sparse
    rewards), returns scaled by the run's own range.
    """
    judged, trained = table.curve("eval/success"), table.curve("train/success")
    episodes = episodes_behind(judged, table.curve("eval/episodes"))
    enough = _JUDGED if len(trained) >= _MANY else _MIN_POINTS
    if _not_recorded(table, judged, trained):
        judged, trained = judged.upto(-np.inf), trained.upto(-np.inf)
    if len(judged) < enough and len(trained) >= _MIN_POINTS:
        return _of_training(trained, table, facts)
    if len(judged) >= _MIN_POINTS:
        known = EPISODES if episodes is None else episodes
        return _curve("eval/success", judged, known, together=True)
    for name in ("eval/return", "train/return"):
        curve = table.curve(name)
        if len(curve) >= _MIN_POINTS:
            return _from_return(name, curve, facts)
    return None


def _not_recorded(table: RunTable, judged: Curve, trained: Curve) -> bool:
    """Return whether success is 0 in every row while returns rise beyond chance.

    It is not recorded, or its goal is never met: returns say more of either run.
    """
    won = np.concatenate([judged.y, trained.y])
    if not len(won) or won.any():
        return False
    names = ("eval/return", "train/return")
    returns = next((c for n in names if len(c := table.curve(n)) >= _MANY), None)
    if returns is None:
        return False
    way = trend(returns)
    return way.z > beyond_luck(1.0) and way.change > 2 * noise(returns.y)


def episodes_behind(success: Curve, counted: Curve) -> float | None:
    """Return the episodes behind a point: logged, or by the steps of its values.

    Shares of n episodes are multiples of 1/n: only small n can be told from rounding.
    """
    if len(counted):
        return max(float(np.median(counted.y)), 1.0)
    values = np.unique(success.y)
    switches = int((np.diff(success.y) != 0).sum())
    if len(values) < 2 or (len(values) == 2 and switches < 2):
        return None
    for episodes in range(1, 41):
        steps = values * episodes
        if np.abs(steps - np.round(steps)).max() < 6e-4 * episodes:
            return float(episodes)
    return None


def _of_training(curve: Curve, table: RunTable, facts: RunFacts) -> SuccessCurve:
    """Return the curve of training success, of full windows where enough are full.

    What the first, short windows hold is part of the first full one.
    """
    episodes = episodes_behind(curve, table.curve("train/episodes_averaged"))
    behind = _behind(curve, table, facts)
    full = behind >= _FULL * float(behind.max())
    if full.sum() >= max(5, _MOST * len(full)):
        curve = Curve(curve.x[full], curve.y[full])
    known = EPISODES if episodes is None else episodes
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
        return np.minimum(np.interp(curve.x, played.x, played.y), EPISODES)
    if len(length):
        steps = np.maximum(np.interp(curve.x, length.x, length.y), 1.0)
        return np.minimum(curve.x / steps, EPISODES)
    if facts.horizon:
        return np.minimum(curve.x / facts.horizon, EPISODES)
    return np.where(np.arange(len(curve)) < _FILLING, 0.0, EPISODES)


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
    less = noise(found.raw.y) < _SHARE * usual
    return replace(found, overlaps=less)


def _from_return(name: str, curve: Curve, facts: RunFacts) -> SuccessCurve:
    """Return the share of steps at the goal (sparse), or the place in the run's range."""
    if facts.sparse is True and facts.horizon and curve.y.max() <= 0:
        steps = float(facts.horizon)
        share = Curve(curve.x, np.clip(1.0 + curve.y / steps, 0.0, 1.0))
        found = _sharing(_curve(name, _evened(share), EPISODES, scale="lower bound"))
        return replace(found, returns=(-steps, steps))
    evened = _evened(curve)
    points = binned(evened, _POINTS)
    low, high = float(points.y.min()), float(np.quantile(points.y, 0.98))
    # A range of pure noise must not look like progress.
    span = max(high - low, 8 * _spread(points), 1e-9)
    if len(evened) < len(curve) and not moves(curve):
        span = max(span, 8 * (high - low))
    scaled = Curve(points.x, (points.y - low) / span)
    found = _curve(name, scaled, EPISODES, scale="own range")
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
    spread = _spread_of_luck(raw, smooth, episodes)
    first = raw.y[: max(3, len(raw) // 10)]
    floor = min(float(np.median(first)), float(smooth.y[0]))
    # Points that share episodes bring few new ones.
    new = 1.0 if together or spread > _SHARE else max(spread**2, 1.0 / episodes)
    behind = episodes * (1.0 + new * np.arange(len(raw)))
    if scale != "own range":
        first = first_level(np.clip(raw.y, 0.0, 1.0), behind)
        floor = float(np.mean(first))
    floor = floor if floor < _LEARNED else 0.0
    seen = float(behind[len(first) - 1])
    # The rule of succession: no luck in few episodes does not mean none in many.
    chance = float(np.clip((floor * seen + 1) / (seen + 2), 0.02, 0.98))
    binomial, measured = binomial_std(chance, episodes), noise(raw.y)
    if scale != "own range":
        # A steep climb over few points looks like noise.
        measured = min(measured, 3 * binomial)
    sigma = max(binomial, measured)
    return SuccessCurve(
        name, raw, smooth, floor, sigma, scale, episodes,
        spread=spread, fresh=new, begun=seen, stands=len(first) == len(raw),
    )  # fmt: skip


def _spread_of_luck(raw: Curve, smooth: Curve, episodes: float) -> float:
    """Return a point's standard deviation in that of its episodes, at most 3.

    1.4826 MAD of the differences of neighbors over theirs by luck. A policy that changes
    from one evaluation to the next is above 1; windows that share episodes are below. A
    steep climb over few points looks like noise, too.
    """
    if len(raw) < 3:
        return 1.0
    rates = np.clip(smooth.y, 0.02, 0.98)
    variance = rates * (1.0 - rates) / episodes
    steps = np.diff(raw.y) / np.sqrt(variance[1:] + variance[:-1])
    return min(1.4826 * float(np.median(np.abs(steps - np.median(steps)))), 3.0)

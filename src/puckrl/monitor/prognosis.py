"""Estimate the chance that a flat run takes off, from the signals that lead a take-off.

A proportional hazard in the logarithm of updates, fitted to runs with random settings:

    chance of a take-off between u and n updates = 1 - (u / n)^h,    h = exp(w·x)

x are the leading signals, standardized; a signal that was not logged counts as its mean.
``benchmarks/takeoffs.py`` makes the runs, fits w, and scores families that w has not seen.
"""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.table import Array, RunTable

_LAST = 3  # evaluations that a level is averaged over
_LIMIT = 3.0  # standard deviations beyond which a signal says no more
_MIN_EVALUATIONS = 3


@dataclass(frozen=True)
class Prognosis:
    """Say how likely a take-off is, with a 95 % interval."""

    updates: float
    """Updates so far, u."""
    hazard: float
    """h."""
    hazard_low: float
    """Lower end of its interval."""
    hazard_high: float
    """Upper end of its interval."""

    def chance(self, by_updates: float) -> tuple[float, float, float]:
        """Return the chance of a take-off by ``by_updates``, and its interval.

        Args:
            by_updates: n, counted from the beginning of the run; at least ``updates``.
        """
        share = self.updates / max(by_updates, self.updates)
        values = (self.hazard, self.hazard_low, self.hazard_high)
        chance, low, high = (1.0 - share**hazard for hazard in values)
        return chance, low, high


@dataclass(frozen=True)
class Model:
    """Hold the fitted weights of ``FEATURES``."""

    mean: Array
    """Of each feature, (features,)."""
    std: Array
    """Of each feature, (features,)."""
    weights: Array
    """The intercept first, (1 + features,)."""
    covariance: Array
    """Of the weights over resampled runs, (1 + features, 1 + features)."""

    def design(self, features: Array) -> Array:
        """Return standardized features with a leading 1, (n, 1 + features).

        Args:
            features: (n, features); NaN: not logged.
        """
        z = np.clip((features - self.mean) / self.std, -_LIMIT, _LIMIT)
        return np.column_stack([np.ones(len(z)), np.where(np.isnan(z), 0.0, z)])

    def prognosis(self, features: Array, updates: float) -> Prognosis:
        """Return the prognosis for one moment.

        Args:
            features: (features,).
            updates: so far.
        """
        x = self.design(features[None])[0]
        at, spread = float(x @ self.weights), float(np.sqrt(x @ self.covariance @ x))
        low, here, high = np.exp([at - 1.96 * spread, at, at + 1.96 * spread])
        return Prognosis(updates, float(here), float(low), float(high))


def prognosis(table: RunTable, facts: RunFacts) -> Prognosis | None:
    """Return the prognosis of a run that is flat now; None if the log lacks what it needs.

    It needs updates, three evaluations and the share of episodes in which the achieved
    goal moved: without them it would be a guess.
    """
    updates = table.at("updates", table.end)
    enough = len(table.curve("eval/success")) >= _MIN_EVALUATIONS
    if not enough or not updates > 0 or not len(table.curve(_MOVING)):
        return None
    return model().prognosis(features(table, facts), updates)


@functools.cache
def model() -> Model:
    """Return the fitted model."""
    stored = json.loads(
        resources.files("puckrl.monitor").joinpath("prognosis.json").read_text()
    )
    if stored["features"] != list(FEATURES):
        raise ValueError("prognosis.json was fitted to other features: fit it again")
    parts = ("mean", "std", "weights", "covariance")
    return Model(*(np.array(stored[part], dtype=np.float64) for part in parts))


def features(table: RunTable, facts: RunFacts) -> Array:
    """Return ``FEATURES`` at the end of a table, (features,); NaN: not logged."""
    failure = facts.failure_value()
    scale = abs(failure) if failure else 1.0
    return np.array([feature(table, scale) for feature in FEATURES.values()])


def _level(table: RunTable, name: str, last: int = _LAST) -> float:
    """Return the mean of a signal's last values."""
    y = table.curve(name).y
    return float(np.mean(y[-last:])) if len(y) else np.nan


def _growth(table: RunTable, name: str) -> float:
    """Return the logarithm of a signal's last values over its first ones."""
    y = table.curve(name).y
    if len(y) < 2:
        return np.nan
    return float(np.log((np.mean(y[-_LAST:]) + 1e-3) / (np.mean(y[:2]) + 1e-3)))


def _spread(table: RunTable, scale: float) -> float:
    """Return the logarithm of the spread of Q over actions, in units of failure's value."""
    return float(np.log(_level(table, "probe/q_action_spread", 2) / scale + 1e-4))


def _gain(table: RunTable, scale: float) -> float:
    """Return how far success is above that of the first evaluations."""
    y = table.curve("eval/success").y
    return float(np.mean(y[-_LAST:]) - np.median(y[:_LAST])) if len(y) else np.nan


def _near(table: RunTable, scale: float) -> float:
    """Return how much more often near goals are reached than far ones."""
    return _level(table, "eval/success_near", 2) - _level(table, "eval/success_far", 2)


_MOVING = "replay/recent_moving_share"
FEATURES: Mapping[str, Callable[[RunTable, float], float]] = {
    "growth of replay/recent_moving_share": lambda t, _: _growth(t, _MOVING),
    "growth of replay/displacement_m": lambda t, _: _growth(t, "replay/displacement_m"),
    "probe/q_action_spread": _spread,
    "probe/hindsight_gap": lambda t, scale: _level(t, "probe/hindsight_gap", 2) / scale,
    "probe/position_r2": lambda t, _: _level(t, "probe/position_r2", 1),
    "gain of eval/success": _gain,
    "eval/success_near - far": _near,
    "replay/recent_moving_share": lambda t, _: _level(t, _MOVING),
}
"""Name -> value at the end of a table, given the scale of Q."""

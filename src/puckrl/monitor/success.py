"""Hold the curve that phases are read from, with its noise.

Three scales. A success rate is what is asked. Returns of a reward of -1 a step count the
way to the goal too: they only bound success from below. Any other returns are placed in
the run's own range: they say that something rises, never how good it is.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from puckrl.monitor.curves import triangle
from puckrl.monitor.significance import beyond_luck, pooled_z
from puckrl.monitor.table import Array, Curve

Scale = Literal["success", "lower bound", "own range"]

_HALF_WIDTH = 0.03  # of the run so far
_LEFT = 0.15  # of the way from floor to ceiling: beyond chance
_RISEN = 0.1  # the same for a plateau that the pooled test tells from the floor
_LEFT_SLOWLY = 0.05  # the same for returns that bound success from below
EPISODES = 100.0
"""Episodes behind a point, where unknown: what Stable-Baselines3 averages."""
_FALSE_ALARM = 0.002  # chance that luck alone is called a loss, over the whole run
_RETURNS = 0.05  # least noise of returns in their own range


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
    episodes: float = EPISODES
    """Episodes behind a raw point."""
    returns: tuple[float, float] = (0.0, 1.0)
    """Return at 0, and the difference between the returns at 1 and at 0."""
    overlaps: bool = False
    """Whether points share episodes, as means over the last hundred do."""
    spread: float = 1.0
    """Standard deviation of a raw point in that of its episodes' luck."""
    fresh: float = 1.0
    """Share of a point's episodes that the one before did not hold."""
    begun: float = EPISODES
    """Episodes behind the floor."""
    stands: bool = False
    """Whether success never changes its level, beyond luck."""

    @property
    def sure_scale(self) -> bool:
        """Return whether 1 is known to be the best possible."""
        return self.scale != "own range"

    @cached_property
    def shares(self) -> Array:
        """Return each smoothed point's noise in that of a raw one, √Σw² / Σw, (n,).

        Points that share their episodes share their luck: smoothing takes nothing away.
        """
        if self.overlaps:
            return np.ones(len(self.raw))
        weight = triangle(self.raw, half_width(self.raw))
        return np.sqrt((weight**2).sum(axis=1)) / weight.sum(axis=1)

    @property
    def _share(self) -> float:
        return float(np.median(self.shares))

    @property
    def looks(self) -> float:
        """Return the pairs of points that differ by luck of their own."""
        alone = min(float((self.shares**2).sum()), 1.0 / _HALF_WIDTH)
        return max(alone * len(self.raw) / 2.0, 1.0)

    def fallen(
        self, high: Array, low: Array, shares: tuple[Array, Array]
    ) -> NDArray[np.bool_]:
        """Return which levels lie below others by more than luck, wherever one looks.

        The pooled two-sample test of proportions, corrected for all pairs of points. Of
        returns, the same with the noise of a point.

        Args:
            high: levels before, (n,).
            low: levels after, (n,).
            shares: noise of both in that of a raw point, (n,) each.
        """
        if self.scale == "own range":
            both = np.hypot(*shares)
            z = (high - low) / (max(self.sigma, _RETURNS) * both)
            return z > beyond_luck(self.looks, _FALSE_ALARM)
        one, other = (self.episodes / share**2 for share in shares)
        z = pooled_z(np.clip(high, 0, 1), np.clip(low, 0, 1), one, other)
        return z > max(self.spread, 1.0) * beyond_luck(self.looks, _FALSE_ALARM)

    @property
    def held(self) -> float:
        """Return the episodes behind all points together."""
        return self.episodes * (1.0 + self.fresh * (len(self.raw) - 1))

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

    def risen(self, level: float, points: int) -> bool:
        """Return whether a level held by some points is above the floor, beyond luck."""
        far = level - self.floor > _RISEN * (1 - self.floor)
        if self.scale == "own range" or not far:
            return False
        held = self.episodes * (1.0 + self.fresh * (points - 1))
        both = np.array([level, self.floor, held, self.begun])
        z = float(pooled_z(*both)) / max(self.spread, 1.0)
        return z > beyond_luck(float(len(self.raw)))

    def return_at(self, level: float) -> float:
        """Return the return that stands behind a level; of success: the level."""
        zero, unit = self.returns
        return zero + unit * level


def half_width(curve: Curve) -> float:
    """Return the half width of the smoothing, in env steps."""
    spacing = float(np.median(np.diff(curve.x)))
    return max(_HALF_WIDTH * float(curve.x[-1] - curve.x[0]), 1.5 * spacing)


def binomial_std(rate: float, episodes: float) -> float:
    """Return the standard deviation of a success rate over ``episodes`` episodes."""
    return float(np.sqrt(rate * (1 - rate) / episodes))

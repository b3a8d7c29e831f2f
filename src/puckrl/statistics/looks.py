"""Look several times at runs as they come, without more errors than one look makes.

Runs are exchanged between two arms within the block of seeds that a look added, so every
look's test is exact given the earlier ones. The error of all looks together is spent as
(n / n_max)^0.8. Source: Mathieu et al. (2023), "AdaStop: adaptive statistical testing for
sound comparisons of deep RL agents". What is rejected at a level is rejected at every
higher one, too, so that the looks have a p-value, and Holm's correction may use it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from puckrl.core.errors import UserError
from puckrl.statistics.inference import ALPHA
from puckrl.statistics.permute import FEWEST, Array, Indices, exchanges, separation
from puckrl.statistics.ranks import midranks

FUTILE = 0.3
"""Predictive power below which an arm is given up."""
_SPENDING = 0.8
_LOOKS = 12
_LEVELS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_TIE = 1e-9


@dataclass(frozen=True)
class Looks:
    """When the test looks, and what it may spend."""

    seeds: tuple[int, ...]
    """In the order in which they run."""
    at: tuple[int, ...]
    """Number of seeds at each look, rising."""
    arms: int
    """Arms that are compared with the base."""
    alpha: float = ALPHA
    """Error over all arms and looks."""

    @property
    def spent(self) -> Array:
        """Return the share of the error that is spent up to each look, (looks,)."""
        return (np.array(self.at) / self.at[-1]) ** _SPENDING

    @property
    def levels(self) -> tuple[float, ...]:
        """Return the levels that p-values are told apart by; Holm's are among them."""
        holm = (self.alpha / arms for arms in range(1, self.arms + 1))
        return tuple(sorted({*_LEVELS, *holm}))


def plan_looks(seeds: Sequence[int], arms: int, alpha: float = ALPHA) -> Looks:
    """Return looks at about a dozen moments, the first one as early as it can reject.

    Args:
        seeds: all that may be run.
        arms: compared with the base.
        alpha: error over all arms and looks.

    Raises:
        UserError: if there are fewer than 4 seeds.
    """
    total = len(seeds)
    if total < FEWEST:
        raise UserError(f"stopping: sequential with {total} seeds; legal: {FEWEST} or more, "
                        "or stopping: fixed")  # fmt: skip

    def can_reject(n: int) -> bool:
        return 2 / comb(2 * n, n) <= alpha / arms * (n / total) ** _SPENDING

    first = next((n for n in range(FEWEST, total) if can_reject(n)), total)
    step = max(1, round((total - first) / (_LOOKS - 1)))
    at = (*range(first, total, step), total)
    return Looks(tuple(seeds), at, arms, alpha)


def predictive_power(p: Array | float, done: Array | float, alpha: float) -> Array:
    """Return the chance that the last look rejects, given the runs so far.

    With z of the present p-value and a flat prior on the effect, the last look's z is
    normal around z / √done with variance (1 - done) / done: Spiegelhalter et al. (1986).

    Args:
        p: of the runs so far, not corrected for looks.
        done: share of the seeds that ran, in (0, 1).
        alpha: level of the last look.
    """
    z = stats.norm.isf(np.asarray(p) / 2)
    border = stats.norm.isf(alpha / 2)
    center, scale = z / np.sqrt(done), np.sqrt((1 - done) / done)
    return stats.norm.sf((border - center) / scale) + stats.norm.cdf(
        (-border - center) / scale
    )


def separations(
    base: Array, arm: Array, sizes: Sequence[int], *, ranks: bool = False,
    ways: Indices | None = None,
) -> Array:  # fmt: skip
    """Return how far apart the arms are at each look, in every way of dealing runs.

    Args:
        base: (..., n), in the order of running.
        arm: (..., n).
        sizes: pairs at each look, never falling; a look without new pairs repeats.
        ranks: whether only the order counts: ranks among the runs so far.
        ways: as ``exchanges`` gives them, (ways, 2 n); None: drawn here.

    Returns:
        (..., ways, looks).
    """
    if ways is None:
        ways = exchanges(tuple(sorted({0, *sizes}))[1:] or (0,))
    if not sizes:
        return np.zeros((*base.shape[:-1], len(ways), 0))
    runs = np.concatenate([base, arm], axis=-1)
    total = base.shape[-1]
    found: list[Array] = []
    for n in sizes:
        seen = np.r_[:n, total : total + n]
        values = np.array(runs)
        if ranks and n:
            values[..., seen] = midranks(runs[..., seen])
        left, right = ways[:, :n], ways[:, total : total + n]
        if n < 2:
            found.append(np.zeros((*runs.shape[:-1], len(ways))))
        else:
            found.append(separation(values[..., left], values[..., right]))
    return np.stack(found, axis=-1)


@dataclass(frozen=True)
class Rejections:
    """What a test at each of several levels does over the looks so far."""

    levels: tuple[float, ...]
    """Rising."""
    first: NDArray[np.int64]
    """(..., levels), the look that rejects the observed way, from 0; -1 if none does."""
    borders: Array
    """(..., levels, looks), the separation above which a look rejects."""

    @property
    def p(self) -> Array:
        """Return the least level that rejects, 1 if none does, (...)."""
        rejected = self.first >= 0
        least = np.array(self.levels)[rejected.argmax(-1)]
        return np.where(rejected.any(-1), least, 1.0)


def rejections(apart: Array, spent: Array, levels: Sequence[float]) -> Rejections:
    """Return which looks reject at several levels.

    A look rejects the ways that are farthest apart among those that are left, until
    ``level * spent`` of all ways are gone; ways that tie go together or stay. A lower
    level's border is never below a higher level's, so its rejected ways are among the
    higher level's and the least level that rejects is a p-value.

    Args:
        apart: (..., ways, looks), the observed way first.
        spent: (looks,), share of the level that is spent up to each look, rising.
        levels: rising.
    """
    *batch, ways, looks = apart.shape
    gone = np.zeros((*batch, len(levels), ways), dtype=bool)
    borders = np.empty((*batch, len(levels), looks))
    for look in range(looks):
        here = apart[..., look]
        order = np.argsort(-here, axis=-1)
        falling = np.take_along_axis(here, order, -1)
        highest = np.full(batch, -1.0)
        for i in reversed(range(len(levels))):
            allowed = int(levels[i] * spent[look] * ways + _TIE)
            left = ~np.take_along_axis(gone[..., i, :], order, -1)
            count = np.cumsum(left, axis=-1) + gone[..., i, :].sum(-1)[..., None]
            over = count > allowed
            place = over.argmax(-1)[..., None]
            border = np.take_along_axis(falling, place, -1)[..., 0]
            highest = np.maximum(highest, np.where(over.any(-1), border, -1.0))
            borders[..., i, look] = highest
            gone[..., i, :] |= here > highest[..., None] + _TIE
    crossed = apart[..., 0, None, :] > borders + _TIE
    first = np.where(crossed.any(-1), crossed.argmax(-1) if looks else 0, -1)
    return Rejections(tuple(levels), first, borders)

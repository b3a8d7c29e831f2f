"""Compare two policies on the same episodes.

Success is compared by the episodes in which it differs: of m such episodes, each policy
wins about half if both are equally good. McNemar (1947), with the exact interval of
Clopper and Pearson (1934) for the share of one of them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from puckrl.statistics.permute import Array

_LEVEL = 0.95


@dataclass(frozen=True)
class Agreement:
    """Hold what two policies reached in the same episodes."""

    episodes: int
    """Episodes of each."""
    success: float
    """Mean of the first: success, or return."""
    judged_success: float
    """Mean of the second."""
    differ: int
    """Episodes that ended differently."""
    low: float
    """Lower end of the paired 95 % interval of the difference of the means."""
    high: float
    """Upper end."""
    judged_by: Literal["success", "return"]
    """What was compared."""

    @property
    def agree(self) -> bool:
        """Whether no difference lies within the interval."""
        return self.low <= 0.0 <= self.high

    @property
    def won(self) -> int:
        """Successful episodes of the first."""
        return round(self.success * self.episodes)


def compare_episodes(
    first: Array, second: Array, judged_by: Literal["success", "return"]
) -> Agreement:
    """Compare the outcomes of two policies, episode by episode.

    Args:
        first: (n,), outcomes of one policy; success as 0 or 1.
        second: (n,), those of the other in the same episodes.
        judged_by: what they are.
    """
    gained = first - second
    paired = _of_success if judged_by == "success" else _of_means
    low, high = paired(gained)
    return Agreement(
        episodes=len(gained),
        success=float(first.mean()),
        judged_success=float(second.mean()),
        differ=int((gained != 0).sum()),
        low=low,
        high=high,
        judged_by=judged_by,
    )


def _of_success(gained: Array) -> tuple[float, float]:
    """Return the interval of a difference of shares, from the episodes that differ."""
    won, differ = int((gained > 0).sum()), int((gained != 0).sum())
    if not differ:
        return 0.0, 0.0
    share = stats.binomtest(won, differ).proportion_ci(_LEVEL)
    part = differ / len(gained)
    return float((2 * share.low - 1) * part), float((2 * share.high - 1) * part)


def _of_means(gained: Array) -> tuple[float, float]:
    """Return Student's paired interval of a difference of means."""
    if len(gained) < 2 or np.ptp(gained) == 0:
        return float(gained.mean()), float(gained.mean())
    error = float(gained.std(ddof=1)) / np.sqrt(len(gained))
    reach = float(stats.t.ppf((1 + _LEVEL) / 2, len(gained) - 1)) * error
    return float(gained.mean()) - reach, float(gained.mean()) + reach

"""Bound rates by intervals; imports nothing that takes time to load."""

import math
from typing import NamedTuple


class Interval(NamedTuple):
    """A closed interval."""

    low: float
    high: float


def wilson_interval(successes: int, trials: int, z: float = 1.959964) -> Interval:
    """Return the Wilson score interval of a success rate, 95 % by default.

    Source: Wilson (1927), "Probable inference, the law of succession, and
    statistical inference", JASA 22.

    Raises:
        ValueError: unless 0 <= successes <= trials and trials > 0.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} successes of {trials} trials")
    rate, z2 = successes / trials, z * z
    center = rate + z2 / (2 * trials)
    spread = z * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    return Interval(
        max(0.0, (center - spread) / scale), min(1.0, (center + spread) / scale)
    )

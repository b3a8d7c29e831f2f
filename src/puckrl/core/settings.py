"""Declare on a setting's field what is legal and what the setting decides.

    seed: Annotated[int, Bounds(0, 2**62, "0 or more, below 2^62"), NOT_HASHED] = 0

``config/fields.py`` reads these notes from the fields, so no list of names is kept.
"""

import math
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Bounds:
    """An interval of legal numbers; on a tuple it holds for each number."""

    low: float
    """Minimum."""
    high: float
    """Maximum."""
    words: str
    """What is legal, for people."""

    def allows(self, value: float) -> bool:
        """Return whether a number lies inside; NaN never does."""
        return self.low <= value <= self.high


class Mark(Enum):
    """What else ``config/`` and ``runner/`` must know of a setting.

    On a section, a mark holds for every setting in it.
    """

    NOT_HASHED = "does not change what a run learns, apart from noise"
    HASHED_IF_CHANGED = "counts for the hash only where it differs from its default"
    PER_PROCESS = "is divided among the processes that train together"
    NOT_EMPTY = "is a list of at least one value"


NOT_HASHED, PER_PROCESS = Mark.NOT_HASHED, Mark.PER_PROCESS
NOT_EMPTY = Mark.NOT_EMPTY
HASHED_IF_CHANGED = Mark.HASHED_IF_CHANGED
"""For settings that are younger than runs whose hashes must stay."""

_MAX = 2**40  # beyond it, sizes and counters overflow
SEED = Bounds(0, 2**62, "0 or more, below 2^62")
COUNT = Bounds(1, _MAX, "a whole number from 1 on")
NON_NEGATIVE = Bounds(0, _MAX, "0 or more")
POSITIVE = Bounds(math.ulp(0.0), 1e12, "above 0")
SHARE = Bounds(0.0, 1.0, "from 0 to 1")
FRACTION = Bounds(math.ulp(0.0), 1.0, "above 0, at most 1")

"""Predicates that make the training loop read as English."""

from dataclasses import dataclass


@dataclass
class Every:
    """True once for each period that a counter has crossed since the last call.

    ``Every(100)`` asked at 0, 60, 120, 130, 350 answers False, False, True,
    False, True: several periods crossed at once count once.
    """

    period: float
    last: float = 0.0

    def __call__(self, now: float) -> bool:
        """Whether a multiple of ``period`` lies in (last asked, now]."""
        due = self.period > 0 and now // self.period > self.last // self.period
        self.last = now
        return due


@dataclass
class Ratio:
    """How many updates are due so that updates / env steps stays at ``ratio``.

    The fraction that is left over is carried to the next call, so the ratio is
    exact in the long run whatever the number of worlds.
    """

    ratio: float
    debt: float = 0.0

    def __call__(self, new_steps: int) -> int:
        """Whole updates that ``new_steps`` further env steps have earned."""
        self.debt += new_steps * self.ratio
        due = int(self.debt)
        self.debt -= due
        return due

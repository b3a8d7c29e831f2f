"""Counters of a run, and predicates that make its loop read as English."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal


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

    def earn(self, new_steps: int) -> None:
        """Owe the updates of ``new_steps`` further env steps."""
        self.debt += new_steps * self.ratio

    def due(self) -> int:
        """Whole updates that are owed; they are not owed any more."""
        due = int(self.debt)
        self.debt -= due
        return due


Phase = Literal[
    "collect", "update", "overlap", "evaluate", "compile", "save", "diagnose"
]


@dataclass
class Clock:
    """The run's counters: env steps and updates, and where the seconds went."""

    env_steps: int = 0
    """Control steps, summed over worlds."""
    updates: int = 0
    """Gradient steps of the critic."""
    episodes: int = 0
    """Training episodes that ended."""
    diverged: int = 0
    """Worlds that were reset because their physics failed."""
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds spent in each phase."""

    @contextmanager
    def phase(self, name: Phase) -> Generator[None]:
        """Count the time inside towards a phase."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = (
                self.seconds.get(name, 0.0) + time.perf_counter() - begin
            )

    @property
    def train_s(self) -> float:
        """Seconds of collecting and updating: the clock that results quote."""
        return self.spent("collect", "update", "overlap")

    def copy(self) -> "Clock":
        """As it is now."""
        return replace(self, seconds=dict(self.seconds))

    def spent(self, *phases: Phase) -> float:
        """Seconds of these phases."""
        return sum(self.seconds.get(phase, 0.0) for phase in phases)

    @property
    def wall_s(self) -> float:
        """Seconds of all phases."""
        return sum(self.seconds.values())

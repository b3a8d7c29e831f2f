"""Count a run's env steps, updates and seconds, and tell what is due."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from puckrl.core import timeline


@dataclass
class Every:
    """Return True if a counter has crossed a multiple of a period since the last call.

    ``Every(100)`` called with 0, 60, 120, 130, 350 returns False, False, True,
    False, True: several multiples crossed at once count once.
    """

    period: float
    last: float = 0.0

    def __call__(self, now: float) -> bool:
        """Return whether a multiple of ``period`` lies in (last, now]."""
        due = self.period > 0 and now // self.period > self.last // self.period
        self.last = now
        return due


@dataclass
class Ratio:
    """Tell how many updates are due to keep updates / env steps at ``ratio``.

    A remaining fraction of an update is carried over to the next call, so the ratio is
    exact in the long run, for any number of worlds.
    """

    ratio: float
    debt: float = 0.0

    def earn(self, new_steps: int) -> None:
        """Add the updates that ``new_steps`` further env steps earn."""
        self.debt += new_steps * self.ratio

    def due(self) -> int:
        """Return the whole updates that are due, and take them off."""
        due = int(self.debt)
        self.debt -= due
        return due


Activity = Literal[
    "collect", "update", "overlap", "evaluate", "compile", "save", "diagnose"
]


@dataclass
class Clock:
    """Count env steps and updates, and the seconds that each activity took.

    Two clocks of seconds stand on every number: ``train_s``, of collecting and updating, and
    ``total_s``, of the whole command: its imports, kernels, evaluations and reports too.
    """

    env_steps: int = 0
    """Control steps, summed over worlds."""
    updates: int = 0
    """Gradient steps of the critic."""
    episodes: int = 0
    """Training episodes that ended."""
    diverged: int = 0
    """Worlds that were reset because their physics failed."""
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds that each activity took."""
    earlier_s: float = 0.0
    """Seconds of the whole commands before this one, if the run was resumed."""
    began: float | None = None
    """When this command began, as ``time.perf_counter`` tells it; None: the clock stands."""

    @contextmanager
    def measure(self, activity: Activity) -> Generator[None]:
        """Add the seconds of a ``with`` block to those of an activity."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            end = time.perf_counter()
            self.seconds[activity] = self.seconds.get(activity, 0.0) + end - begin
            timeline.add(activity, begin, end)

    @property
    def train_s(self) -> float:
        """Seconds of collecting and updating: the time that results quote."""
        return self.spent("collect", "update", "overlap")

    @property
    def total_s(self) -> float:
        """Seconds of the whole command so far, and of the run's earlier ones."""
        running = 0.0 if self.began is None else time.perf_counter() - self.began
        return self.earlier_s + running

    def go_back_to(self, earlier: "Clock") -> None:
        """Take back what was collected and learned since; other seconds stay spent."""
        self.env_steps, self.updates = earlier.env_steps, earlier.updates
        self.episodes, self.diverged = earlier.episodes, earlier.diverged
        for activity in ("collect", "update", "overlap"):
            if activity in earlier.seconds:
                self.seconds[activity] = earlier.seconds[activity]
            else:
                self.seconds.pop(activity, None)

    def copy(self) -> "Clock":
        """Return a copy of the present counters, which stands."""
        now = {"earlier_s": self.total_s, "began": None}
        return replace(self, seconds=dict(self.seconds), **now)

    def as_dict(self) -> dict[str, Any]:
        """Return the counters as plain values, ``total_s`` as one of them."""
        now = asdict(self.copy())
        counters = {n: x for n, x in now.items() if n not in ("earlier_s", "began")}
        return {**counters, "total_s": now["earlier_s"]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Clock":
        """Return the clock, standing, that ``as_dict`` has written.

        Earlier versions did not measure whole commands: of those only the seconds of all
        activities are known, which are fewer.
        """
        counters = {name: x for name, x in values.items() if name != "total_s"}
        clock = cls(**counters)
        clock.earlier_s = values.get("total_s", clock.wall_s)
        return clock

    def spent(self, *activities: Activity) -> float:
        """Return the seconds that these activities took."""
        return sum(self.seconds.get(activity, 0.0) for activity in activities)

    @property
    def wall_s(self) -> float:
        """Seconds of all activities."""
        return sum(self.seconds.values())

"""Turn a run's evaluations into the one number that a study compares.

    final_success                                       success of the last, long evaluation
    success_at(env_steps=200000)                        between evaluations: linear
    area_under(updates)                                 mean success up to the budget
    time_to(0.95, clock=total_s, censored=restricted)   smaller is better

A run that ends below the threshold has no time: it is *censored*. Leaving such runs out
favors the arm that fails more often, so ``censored`` says what counts instead:

    restricted   the end of the budget, for every arm the same (restricted mean time)
    rank         later than every run that arrived; only the order of the times counts
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np

from puckrl.core.errors import UserError
from puckrl.training.sinks import LogRow

Clock = Literal["env_steps", "updates", "train_s", "total_s"]
"""Env steps, gradient updates, seconds of training, seconds of the whole run."""
Censored = Literal["restricted", "rank"]
Kind = Literal["final_success", "success_at", "area_under", "time_to"]

CLOCKS: tuple[Clock, ...] = get_args(Clock)
SECONDS: frozenset[Clock] = frozenset({"train_s", "total_s"})
_COLUMN: dict[Clock, str] = {
    "env_steps": "env_steps",
    "updates": "updates",
    "train_s": "train_s",
    "total_s": "total_s",
}
_INSTEAD = {"total_s": "wall_s"}
"""Column of logs that lack the clock's own: other libraries', and ours of earlier versions."""
LEGAL = (
    "legal: final_success, success_at(CLOCK=NUMBER), area_under(CLOCK), "
    "time_to(SUCCESS, clock=CLOCK, censored=restricted|rank); "
    f"clocks: {', '.join(CLOCKS)}"
)
_CALL = re.compile(r"^\s*(\w+)\s*(?:\((.*)\))?\s*$")


@dataclass(frozen=True)
class Outcome:
    """Hold what one run says about one measure."""

    arm: str
    """Name of the arm."""
    seed: int
    """Seed of the run; equal seeds are pairs."""
    value: float
    """The measure; NaN if the run has none."""
    censored: bool = False
    """Whether the run ended before its threshold; ``value`` is then the budget."""
    problem: str = ""
    """Why there is no value: missing, failed, diverged, too short ...; empty if there is."""


@dataclass(frozen=True)
class Measure:
    """What a study compares: one number a run."""

    kind: Kind
    """Which."""
    clock: Clock | None = None
    """The clock that it goes by; None for the final success."""
    at: float = math.nan
    """``success_at``: the reading of the clock."""
    threshold: float = math.nan
    """``time_to``: success rate to reach."""
    censored: Censored | None = None
    """``time_to``: what a run counts that never reaches it; None: not said."""

    @property
    def smaller_is_better(self) -> bool:
        """Return whether less of it is better."""
        return self.kind == "time_to"

    @property
    def in_seconds(self) -> bool:
        """Return whether runs that share a machine would disturb it."""
        return self.clock in SECONDS

    @property
    def unit(self) -> str:
        """Return the unit of its numbers."""
        if self.kind != "time_to":
            return "success rate"
        return {"env_steps": "env steps", "updates": "updates"}.get(
            cast(Clock, self.clock), "s"
        )

    def __str__(self) -> str:
        """Return the measure as a study file writes it."""
        if self.kind == "final_success":
            return self.kind
        if self.kind == "success_at":
            return f"success_at({self.clock}={self.at:g})"
        if self.kind == "area_under":
            return f"area_under({self.clock})"
        how = f", censored={self.censored}" if self.censored else ""
        return f"time_to({self.threshold:g}, clock={self.clock}{how})"

    def of(
        self, rows: Sequence[LogRow], final_success: float | None, budget: float
    ) -> tuple[float, bool]:
        """Return a run's value and whether it is censored.

        Args:
            rows: the numbers that the run logged.
            final_success: of its last, long evaluation; None if it has none.
            budget: the end of the measure's clock, the same for every arm; inf: the run's.

        Raises:
            UserError: if the run is too short for the measure, or logged no evaluation.
        """
        if self.kind == "final_success":
            if final_success is None or not math.isfinite(final_success):
                raise UserError("it has no final evaluation")
            return final_success, False
        clock, success = self._curve(rows)
        if self.kind == "success_at":
            return _at(clock, success, self.at), False
        if self.kind == "area_under":
            return _area(clock, success, budget), False
        reached = np.flatnonzero(success >= self.threshold)
        if len(reached) and clock[reached[0]] <= budget:
            return float(clock[reached[0]]), False
        return (budget if math.isfinite(budget) else float(clock[-1])), True

    def _curve(self, rows: Sequence[LogRow]) -> tuple[np.ndarray, np.ndarray]:
        """Return the clock and the success of every evaluation, in the clock's order."""
        column = _COLUMN[cast(Clock, self.clock)]
        judged = [x for x in rows if math.isfinite(x.get("eval/success", math.nan))]
        if not all(column in row for row in judged):
            column = _INSTEAD.get(column, column)
        pairs = [(x[column], x["eval/success"]) for x in judged if column in x]
        if not pairs:
            raise UserError(f"it logged no evaluation with {column}")
        curve = np.array(sorted(pairs), dtype=np.float64)
        return curve[:, 0], curve[:, 1]


def _at(clock: np.ndarray, success: np.ndarray, at: float) -> float:
    """Return success at a reading of the clock, linear between evaluations.

    Before the first evaluation it is the first one's.
    """
    if clock[-1] < at:
        raise UserError(f"it ended at {clock[-1]:g}, before {at:g}")
    return float(np.interp(at, clock, success))


def _area(clock: np.ndarray, success: np.ndarray, budget: float) -> float:
    """Return the mean success from 0 to the budget by trapezoids.

    The first evaluation counts from 0 on, and the last one until the budget: a run that
    was stopped early because it had converged is not punished for it.
    """
    end = budget if math.isfinite(budget) else float(clock[-1])
    inside = clock < end
    x = np.concatenate(([0.0], clock[inside], [end]))
    y = np.interp(x, clock, success)
    return float(np.trapezoid(y, x) / end)


def parse_measure(text: str) -> Measure:
    """Return the measure that a study file names.

    Raises:
        UserError: if it is no measure; the message lists what is legal.
    """
    match = _CALL.match(str(text))
    if not match or match[1] not in get_args(Kind):
        raise UserError(f"{text!r} is not a measure; {LEGAL}")
    kind = cast(Kind, match[1])
    words = [word.strip() for word in (match[2] or "").split(",") if word.strip()]
    named = dict(word.split("=", 1) for word in words if "=" in word)
    named = {name.strip(): value.strip() for name, value in named.items()}
    plain = [word for word in words if "=" not in word]
    try:
        return _parsed(kind, plain, named)
    except (KeyError, ValueError, IndexError) as error:
        raise UserError(f"{text!r} is not a measure; {LEGAL}") from error


def _parsed(kind: Kind, plain: list[str], named: dict[str, str]) -> Measure:
    """Return a measure from its arguments; ``ValueError`` where one is not legal."""
    if kind == "final_success":
        _none_left(plain, named)
        return Measure(kind)
    if kind == "success_at":
        clock = _clock(next(iter(named)) if named else "")
        at = float(named.pop(clock).replace("_", ""))
        _none_left(plain, named)
        if not 0 < at < math.inf:
            raise ValueError
        return Measure(kind, clock, at=at)
    if kind == "area_under":
        clock = _clock(named.pop("clock", "") or plain.pop(0))
        _none_left(plain, named)
        return Measure(kind, clock)
    threshold = float(plain.pop(0))
    clock = _clock(named.pop("clock", "") or plain.pop(0))
    censored = named.pop("censored", None)
    _none_left(plain, named)
    if not 0 < threshold <= 1 or censored not in (None, *get_args(Censored)):
        raise ValueError
    return Measure(
        kind, clock, threshold=threshold, censored=cast(Censored | None, censored)
    )


def _clock(name: str) -> Clock:
    if name not in CLOCKS:
        raise ValueError(name)
    return cast(Clock, name)


def _none_left(plain: list[str], named: dict[str, str]) -> None:
    if plain or named:
        raise ValueError

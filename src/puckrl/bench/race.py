"""Measure contenders alternately, in one process, and report ratios.

A machine's speed drifts by tens of percent within minutes. So every repeat runs all
contenders one after the other. Beside its median rate, a contender gets the median over
repeats of its ratio to the first contender in the same repeat.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from puckrl.report.tables import TableRow


@dataclass(frozen=True)
class Contender:
    """One way to do the work."""

    name: str
    """Name in the table."""
    prepare: Callable[[], object]
    """Called before every repeat, untimed."""
    run: Callable[[], int]
    """Do the work, timed; return its amount."""


def race(contenders: list[Contender], repeats: int) -> list[TableRow]:
    """Return a row per contender: rates in work per second, ratio to the first.

    The first repeat warms up and does not count.
    """
    rates: dict[str, list[float]] = {c.name: [] for c in contenders}
    for repeat in range(repeats + 1):
        for contender in contenders:
            contender.prepare()
            start = time.perf_counter()
            work = contender.run()
            rate = work / (time.perf_counter() - start)
            if repeat:
                rates[contender.name].append(rate)
    first = rates[contenders[0].name]
    return [
        {
            "contender": name,
            "per_s": round(statistics.median(rate), 1),
            "per_s_min": round(min(rate), 1),
            "per_s_max": round(max(rate), 1),
            "ratio": round(
                statistics.median(a / b for a, b in zip(rate, first, strict=True)), 4
            ),
            "repeats": repeats,
        }
        for name, rate in rates.items()
    ]

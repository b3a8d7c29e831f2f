"""Contenders measured in turns, in one process, as ratios.

A machine's speed drifts by tens of percent within minutes. So every repeat runs all
contenders one after the other, and what is reported beside the median rate is the
median over repeats of the ratio to the first contender of the same repeat.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from puckrl.report.tables import TableRow


@dataclass(frozen=True)
class Contender:
    """Something that does the same work in another way."""

    name: str
    """What the table calls it."""
    prepare: Callable[[], object]
    """Untimed, before every repeat."""
    run: Callable[[], int]
    """Timed; returns how much work it did."""


def race(contenders: list[Contender], repeats: int) -> list[TableRow]:
    """Run everybody in turns; rates in work per second, ratios to the first."""
    rates: dict[str, list[float]] = {c.name: [] for c in contenders}
    for repeat in range(repeats + 1):
        for contender in contenders:
            contender.prepare()
            start = time.perf_counter()
            work = contender.run()
            rate = work / (time.perf_counter() - start)
            if repeat:  # the first round warms up
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

"""Hold a log's rows as columns that grow, row by row, in amortized constant time."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from puckrl.logs.frame import Frame
from puckrl.monitor.signals import RENAMED
from puckrl.monitor.table import Array

_FIRST = 256  # rows that a column has room for at first


class Growing:
    """Collect rows of numbers under our present names."""

    def __init__(self) -> None:
        self.rows = 0
        """Rows so far."""
        self.not_finite: dict[str, int] = {}
        """How often a number was null, NaN or infinite, by name."""
        self._columns: dict[str, Array] = {}
        self._room = _FIRST

    @property
    def names(self) -> list[str]:
        """Return all names so far, in the order in which they appeared."""
        return list(self._columns)

    def column(self, name: str) -> Array:
        """Return a column, (rows,) float64, NaN where a row does not carry it.

        It is a view: rows that are added later are not in it.
        """
        found = self._columns.get(name)
        return np.full(self.rows, np.nan) if found is None else found[: self.rows]

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows as JSON has them: words and lists are left out, null is NaN."""
        for row in rows:
            if self.rows == self._room:
                self._grow()
            for name, value in row.items():
                number = _number(value)
                if number is not None:
                    self._put(RENAMED.get(name, name), number)
            self.rows += 1

    def _put(self, name: str, number: float) -> None:
        """Set a number of the newest row."""
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = np.full(self._room, np.nan)
        column[self.rows] = number
        if not np.isfinite(number):
            self.not_finite[name] = self.not_finite.get(name, 0) + 1

    def _grow(self) -> None:
        """Make room for as many rows again."""
        more = np.full(self._room, np.nan)
        for name, column in self._columns.items():
            self._columns[name] = np.concatenate([column, more])
        self._room *= 2

    def frame(self) -> Frame:
        """Return the rows so far as the doctor reads a file."""
        return Frame(
            {name: self.column(name) for name in self._columns},
            dict(self.not_finite),
            names=frozenset(self._columns),
            rows=self.rows,
        )


def _number(value: Any) -> float | None:
    """Return a JSON value as a number; None for what is none."""
    if value is None:
        return np.nan
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf

"""Hold a run's numbers as columns over its clocks, whichever library logged them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Hold one number over a clock, from the rows that carry both."""

    x: Array
    """The clock, never falling, (n,)."""
    y: Array
    """The number, finite, (n,)."""

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.x)

    def upto(self, x: float) -> "Curve":
        """Return the points at or before a moment."""
        keep = self.x <= x
        return Curve(self.x[keep], self.y[keep])

    def since(self, x: float) -> "Curve":
        """Return the points at or after a moment."""
        keep = self.x >= x
        return Curve(self.x[keep], self.y[keep])


@dataclass(frozen=True)
class RunTable:
    """Hold columns under our signal names, rows in the order of ``env_steps``."""

    columns: Mapping[str, Array]
    """Name -> (rows,) float64, NaN where a row does not carry it; always has env_steps."""
    not_finite: Mapping[str, int] = field(default_factory=dict[str, int])
    """How often a number was logged as NaN or infinite, by name."""
    resumed_at: tuple[float, ...] = ()
    """Env steps at which another process went on with the run."""
    _curves: dict[tuple[str, str], Curve] = field(
        default_factory=dict[tuple[str, str], Curve], repr=False, compare=False
    )

    def __contains__(self, name: object) -> bool:
        """Return whether any row carries this number."""
        return name in self.columns

    def curve(self, name: str, over: str = "env_steps") -> Curve:
        """Return a number over a clock, the last of each moment; empty if never logged."""
        if (name, over) not in self._curves:
            self._curves[name, over] = self._curve(name, over)
        return self._curves[name, over]

    def _curve(self, name: str, over: str) -> Curve:
        """Build a curve; rules ask for the same ones again and again."""
        if name not in self.columns or over not in self.columns:
            return Curve(np.empty(0), np.empty(0))
        x, y = self.columns[over], self.columns[name]
        have = np.isfinite(x) & np.isfinite(y)
        order = np.argsort(x[have], kind="stable")
        x, y = x[have][order], y[have][order]
        last = np.diff(x, append=np.inf) > 0
        return Curve(x[last], y[last])

    def at(self, name: str, env_steps: float) -> float:
        """Return a number at a moment, interpolated between rows; NaN if never logged."""
        curve = self.curve(name)
        return float(np.interp(env_steps, curve.x, curve.y)) if len(curve) else np.nan

    @property
    def end(self) -> float:
        """Return the env steps of the last row; 0 without rows."""
        steps = self.columns["env_steps"]
        return float(steps[-1]) if len(steps) else 0.0

    def upto(self, env_steps: float) -> "RunTable":
        """Return the rows at or before a moment: what was known then.

        Numbers that were not finite stay counted: when they were logged is not kept.
        """
        keep = self.columns["env_steps"] <= env_steps
        return RunTable(
            {name: c[keep] for name, c in self.columns.items()},
            self.not_finite,
            tuple(x for x in self.resumed_at if x <= env_steps),
        )


def from_rows(rows: Iterable[Mapping[str, float]]) -> RunTable:
    """Return rows that each carry some numbers as one table.

    Args:
        rows: numbers only, as ``report/rows.py`` reads them; rows without ``env_steps``
            are dropped.
    """
    kept = [row for row in rows if np.isfinite(row.get("env_steps", np.nan))]
    kept.sort(key=lambda row: row["env_steps"])
    names = {name: None for row in kept for name in row} | {"env_steps": None}
    columns = {
        name: np.array([row.get(name, np.nan) for row in kept], dtype=np.float64)
        for name in names
    }
    bad = Counter(n for row in kept for n, v in row.items() if not np.isfinite(v))
    columns = {name: np.where(np.isfinite(c), c, np.nan) for name, c in columns.items()}
    return RunTable(columns, dict(bad))

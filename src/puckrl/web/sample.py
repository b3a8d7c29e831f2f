"""Sample curves for a screen: nothing that a pixel would show is lost."""

import numpy as np
from numpy.typing import NDArray

from puckrl.monitor.table import Array

BINS = 320
"""Bins of a curve; each keeps its smallest and its largest value."""
KNOTS = 320
"""Moments at which all clocks of a run are told."""


def kept(values: Array, bins: int = BINS) -> NDArray[np.intp]:
    """Return the indices of the values to draw, in their order.

    Bins hold equally many values. Each keeps the places of its smallest and its largest
    one; the first and the last value are kept always. How many a bin holds is a power of
    two: a curve that grows does not flicker, since earlier bins stay as they are.

    Args:
        values: finite, (n,).
        bins: most bins.

    Returns:
        At most 2 * bins + 2 indices.
    """
    count = len(values)
    if count <= 2 * bins:
        return np.arange(count)
    size = 1 << int(np.ceil(np.log2(count / bins)))
    missing = -count % size
    padded = np.concatenate([values, np.full(missing, values[-1])])
    table = padded.reshape(-1, size)
    begin = np.arange(len(table)) * size
    low, high = begin + table.argmin(axis=1), begin + table.argmax(axis=1)
    found = np.concatenate([[0], low, high, [count - 1]])
    return np.unique(np.minimum(found, count - 1))


def knots(count: int, most: int = KNOTS) -> NDArray[np.intp]:
    """Return at most ``most`` + 1 row numbers, evenly apart, the last one among them."""
    if not count:
        return np.arange(0)
    step = 1 << max(0, int(np.ceil(np.log2(count / most))))
    return np.unique(np.append(np.arange(0, count, step), count - 1))


def short(values: Array) -> list[float | None]:
    """Return numbers for JSON: six significant digits, None for what is not finite."""
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in values.tolist()]

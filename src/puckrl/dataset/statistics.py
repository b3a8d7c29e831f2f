"""Running minimum, maximum, mean and standard deviation of what a data set holds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SAMPLED = 16  # every image would take as long as encoding them


class Running:
    """Statistics over rows, (n, ...) at a time; images by channel, in [0, 1]."""

    def __init__(self) -> None:
        self._count = 0
        self._low: NDArray[Any] | None = None
        self._high: NDArray[Any] | None = None
        self._sum: Any = 0.0
        self._squares: Any = 0.0

    def add(self, rows: NDArray[Any]) -> None:
        """Add rows (n, ...)."""
        if rows.dtype == np.uint8:
            rows = rows[::_SAMPLED].transpose(0, 3, 1, 2) / 255.0
            axes: tuple[int, ...] = (0, 2, 3)
        else:
            rows, axes = rows.astype(float).reshape(len(rows), -1), (0,)
        self._count += rows.size // int(np.prod([rows.shape[1]]))
        low, high = rows.min(axes), rows.max(axes)
        self._low = low if self._low is None else np.minimum(low, self._low)
        self._high = high if self._high is None else np.maximum(high, self._high)
        self._sum = self._sum + rows.sum(axes)
        self._squares = self._squares + np.square(rows).sum(axes)
        self._image = len(axes) == 3

    def as_dict(self) -> dict[str, list[Any]]:
        """Return the numbers by name, images as (3, 1, 1)."""
        assert self._low is not None
        assert self._high is not None
        mean = self._sum / self._count
        spread = np.sqrt(np.maximum(self._squares / self._count - mean**2, 0.0))
        parts = {"min": self._low, "max": self._high, "mean": mean, "std": spread}
        shape = (-1, 1, 1) if self._image else (-1,)
        found = {name: one.reshape(shape).tolist() for name, one in parts.items()}
        return {**found, "count": [self._count]}

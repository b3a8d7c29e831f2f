"""Draw where an encoder knows positions well: a map of the workspace."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from puckrl.core.errors import UserError
from puckrl.perception.probe import Probe

_CELL_M = 0.03
_FEWEST = 3  # frames of a cell that is shown
_MARGIN = 1.0  # percent of positions left out at each side


def cells(
    where_m: NDArray[np.floating], off_mm: NDArray[np.floating], cell_m: float = _CELL_M
) -> tuple[NDArray[np.float64], tuple[float, float, float, float]]:
    """Return the median error in each cell of the plane, and the cells' extent.

    Args:
        where_m: positions, (n, 2 or more) meters; x and y count.
        off_mm: their errors, (n,).
        cell_m: side of a cell.

    Returns:
        Medians, (rows along x, columns along y), NaN where fewer than three frames are;
        and (least x, greatest x, least y, greatest y), meters.
    """
    low = np.percentile(where_m[:, :2], _MARGIN, axis=0)
    high = np.percentile(where_m[:, :2], 100.0 - _MARGIN, axis=0)
    count = np.maximum(1, np.ceil((high - low) / cell_m).astype(int))
    at = np.floor((where_m[:, :2] - low) / cell_m).astype(int)
    inside = ((at >= 0) & (at < count)).all(axis=1)
    medians = np.full(tuple(count), np.nan)
    for row in range(count[0]):
        for column in range(count[1]):
            here = inside & (at[:, 0] == row) & (at[:, 1] == column)
            if here.sum() >= _FEWEST:
                medians[row, column] = np.median(off_mm[here])
    top = low + count * cell_m
    return medians, (float(low[0]), float(top[0]), float(low[1]), float(top[1]))


def draw_map(probe: Probe, path: Path) -> None:
    """Draw the median error over the workspace, seen from above, to a PNG file.

    Raises:
        UserError: if the file cannot be written.
    """
    from matplotlib.figure import Figure

    medians, (x_low, x_high, y_low, y_high) = cells(
        probe.where_m.numpy(), probe.off_mm.numpy()
    )
    figure = Figure(figsize=(6.0, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("0.9")
    image = axes.imshow(
        medians,
        origin="lower",
        extent=(y_low, y_high, x_low, x_high),
        cmap="viridis_r",
        vmin=0.0,
        vmax=max(3.0 * probe.needs_mm, 1.0),
        aspect="equal",
    )
    for (row, column), value in np.ndenumerate(medians):
        if np.isfinite(value):
            axes.text(
                y_low + (column + 0.5) * _CELL_M,
                x_low + (row + 0.5) * _CELL_M,
                f"{value:.0f}",
                ha="center",
                va="center",
                fontsize=6,
                color="white" if value > 1.5 * probe.needs_mm else "black",
            )
    bar = figure.colorbar(image, ax=axes, extend="max")
    bar.set_label(f"median error, mm; {probe.task} needs about {probe.needs_mm:.0f}")
    axes.set_xlabel("y, meters")
    axes.set_ylabel("x, meters (away from the robot)")
    axes.set_title(f"{Path(probe.name).name}: where is the {probe.first}?", fontsize=10)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {path}: {error}") from error

"""Draw the figures of README and docs from results/learning.csv and sim_warp.csv.

    python benchmarks/figures.py        -> docs/learning.png, docs/lessons.png, docs/sweep.png

A thin line is a seed. Seconds count collecting and updating.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from puckrl.bench.sweep import sweep_figure
from puckrl.report.figures import RUN_COLORS, plain
from puckrl.report.tables import read_table

TABLE, SWEEP = Path("results/learning.csv"), Path("results/sim_warp.csv")
DOCS = Path("docs")
TWO_CORES = (
    "reach",
    "reach-pixels",
    "push",
    "push-pixels",
    "push-pixels-asymmetric",
    "pick-place",
    "pick-place-pixels",
)
ONE_GPU = (
    "push-gpu",
    "push-pixels-gpu",
    "pick-place-gpu",
    "pick-place-pixels-gpu",
    "slide-gpu",
    "push-pixels-lessons-gpu",
    "push-pixels-symmetric-gpu",
)
LESSONS = (
    "push-pixels-lessons-gpu",
    "push-pixels-lessons-nature-gpu",
    "push-pixels-lessons-actor-encoder-gpu",
    "push-pixels-lessons-drq-gpu",
    "push-pixels-lessons-no-proprio-gpu",
)
Rows = Sequence[dict[str, str]]


def draw(
    axes: Axes, rows: Rows, presets: Sequence[str], clock: str, names_at: str
) -> None:
    """Draw the success of some presets, a line for each seed."""
    for preset, color in zip(presets, RUN_COLORS, strict=False):
        mine = [row for row in rows if row["preset"] == preset]
        label: str | None = preset
        for _, seed in groupby(mine, key=lambda row: row["seed"]):
            points = [(float(r[clock]), float(r["success"])) for r in seed]
            axes.plot(*zip(*points, strict=True), color=color, lw=1.1, label=label)
            label = None
    axes.axhline(0.95, color="#8a94a6", lw=0.6, ls=":")
    axes.set_ylim(-0.02, 1.02)
    plain(axes)
    axes.legend(frameon=False, fontsize=7, loc=names_at)


def main() -> None:
    """Draw all figures."""
    rows = read_table(TABLE)
    figure = Figure(figsize=(10, 3.8), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    panels = ((left, "two CPU cores", TWO_CORES), (right, "one H100", ONE_GPU))
    for axes, title, presets in panels:
        draw(axes, rows, presets, "train_s", "center left")
        axes.set_xscale("log")
        axes.set_xlim(left=0.4)  # room for the names
        axes.set_xlabel("seconds of training")
        axes.set_title(title, fontsize=10, loc="left")
    left.set_ylabel("success")
    figure.savefig(DOCS / "learning.png")

    figure = Figure(figsize=(6, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    draw(axes, rows, LESSONS, "updates", "upper left")
    axes.set_xlabel("updates")
    axes.set_ylabel("success")
    figure.savefig(DOCS / "lessons.png")

    sweep_figure(read_table(SWEEP), DOCS / "sweep.png")


if __name__ == "__main__":
    main()

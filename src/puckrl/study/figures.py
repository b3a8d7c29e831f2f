"""Draw what a study found: curves on both clocks, effects, interactions."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from puckrl.report.figures import RUN_COLORS, plain
from puckrl.statistics.inference import Effect
from puckrl.statistics.permute import Array
from puckrl.study.outcomes import RunRecord

_INK, _MUTED = "#1f2a44", "#8a94a6"
_ANSWERS = {"better": "#2a9d58", "worse": "#c8443a", "no difference shown": _MUTED}
_CLOCKS = (("env_steps", "env steps"), ("updates", "updates"))


def curves(records: Sequence[RunRecord], arms: Sequence[str], path: Path) -> None:
    """Plot success of every arm over env steps and over updates.

    A line is the mean over an arm's runs, a band reaches from the worst to the best of
    them. A run that has ended keeps its last value.

    Args:
        records: all runs; those without evaluations are not drawn.
        arms: in the order of the legend, the base first.
        path: a PNG file, overwritten.
    """
    figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
    for axes, (clock, name) in zip(
        figure.subplots(1, 2, sharey=True), _CLOCKS, strict=True
    ):
        for i, arm in enumerate(arms):
            mine = [one for one in records if one.arm == arm]
            found = [curve for one in mine if (curve := _curve(one, clock)) is not None]
            if found:
                _band(axes, found, arm, RUN_COLORS[i % len(RUN_COLORS)], i)
        axes.set_xlabel(name)
        axes.xaxis.set_major_formatter(_thousands)
        axes.set_ylim(-0.02, 1.02)
        plain(axes)
    left = figure.axes[0]
    left.set_ylabel("success; mean, worst and best run")
    if left.get_legend_handles_labels()[1]:
        left.legend(frameon=False, fontsize=8, loc="best")
    figure.savefig(path)


def _curve(record: RunRecord, clock: str) -> tuple[Array, Array] | None:
    """Return a run's evaluations over a clock, None if it has none."""
    pairs = sorted(
        (row[clock], row["eval/success"])
        for row in record.rows
        if clock in row and math.isfinite(row.get("eval/success", math.nan))
    )
    if not pairs:
        return None
    points = np.array(pairs, dtype=np.float64)
    return points[:, 0], points[:, 1]


def _band(
    axes: Axes, found: Sequence[tuple[Array, Array]], arm: str, color: str, i: int
) -> None:
    """Draw the mean of some curves, and a band from the least to the largest."""
    grid = np.unique(np.concatenate([x for x, _ in found]))
    values = np.stack([np.interp(grid, x, y) for x, y in found])
    axes.fill_between(grid, values.min(0), values.max(0), color=color, alpha=0.15, lw=0)
    style = "-" if i < len(RUN_COLORS) else "--"
    label = f"{arm} ({len(found)})".replace("$", r"\$")
    axes.plot(grid, values.mean(0), color=color, lw=1.8, ls=style, label=label)


def forest(
    rows: Sequence[tuple[str, float, float, float, str]], unit: str, null: float,
    path: Path, better: str,
) -> None:  # fmt: skip
    """Plot effects with their 95 % intervals, one below the other.

    Args:
        rows: name, estimate, both ends (infinite: an arrow), answer in words.
        unit: of the axis.
        null: the estimate of no difference.
        path: a PNG file, overwritten.
        better: which side is better: "left" or "right".
    """
    figure = Figure(figsize=(8, 1.3 + 0.42 * len(rows)), dpi=120, layout="constrained")
    axes = figure.subplots()
    ends = [x for _, *three, _ in rows for x in three if math.isfinite(x)] + [null]
    reach = 1.15 * max(abs(x - null) for x in ends) or 1.0
    axes.axvline(null, color=_INK, lw=1)
    for place, (_, estimate, low, high, answer) in enumerate(reversed(rows)):
        color = _ANSWERS.get(answer, _MUTED)
        if not math.isfinite(estimate):
            axes.text(null, place, " no value", va="center", color=_MUTED, fontsize=8)
            continue
        for end, arrow in ((low, "<"), (high, ">")):
            if not math.isfinite(end):
                at = null + math.copysign(reach * 0.99, end)
                axes.plot(at, place, arrow, color=color, ms=6)
        axes.hlines(place, max(low, null - reach), min(high, null + reach), color, lw=2)
        axes.plot(estimate, place, "o", color=color, ms=7)
    axes.set_xlim(null - reach, null + reach)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(range(len(rows)), [_literal(row[0]) for row in reversed(rows)])
    arrow = "← better" if better == "left" else "better →"
    axes.set_xlabel(f"{unit} · {arrow}")
    axes.xaxis.set_major_formatter(_thousands)
    for answer, color in _ANSWERS.items():
        if any(row[4] == answer for row in rows):
            axes.plot([], [], "o-", color=color, label=answer)
    axes.legend(frameon=False, fontsize=8, loc="lower center", ncols=3,
                bbox_to_anchor=(0.5, 1.0))  # fmt: skip
    plain(axes)
    figure.savefig(path)


def effect_rows(
    effects: Sequence[Effect],
) -> list[tuple[str, float, float, float, str]]:
    """Return effects as ``forest`` draws them."""
    return [(e.arm, e.estimate, e.low, e.high, e.shown) for e in effects]


def interactions(
    levels: Mapping[str, Sequence[str]], values: Mapping[tuple[str, ...], Array],
    unit: str, path: Path,
) -> None:  # fmt: skip
    """Plot cell means of every two factors; lines that are not parallel interact.

    Args:
        levels: factor -> its levels.
        values: combination of levels -> values of its runs; a dot each.
        unit: of the values.
        path: a PNG file, overwritten.
    """
    pairs = list(combinations(levels, 2))
    figure = Figure(
        figsize=(4.2 * len(pairs) + 0.6, 3.8), dpi=120, layout="constrained"
    )
    panels = figure.subplots(1, len(pairs), sharey=True, squeeze=False)[0]
    names = list(levels)
    for axes, (across, lines) in zip(panels, pairs, strict=True):
        for i, level in enumerate(levels[lines]):
            color = RUN_COLORS[i % len(RUN_COLORS)]
            means: list[float] = []
            for x, other in enumerate(levels[across]):
                cells = [
                    v for cell, v in values.items()
                    if cell[names.index(across)] == other
                    and cell[names.index(lines)] == level
                ]  # fmt: skip
                here = np.concatenate(cells) if cells else np.empty(0)
                spread = np.linspace(-0.06, 0.06, len(here)) + 0.03 * i
                axes.plot(x + spread, here, ".", color=color, alpha=0.45, ms=5)
                means.append(float(here.mean()) if len(here) else math.nan)
            label = _literal(f"{lines.rpartition('.')[2]} = {level}")
            axes.plot(range(len(means)), means, "o-", color=color, lw=2, label=label)
        axes.set_xticks(
            range(len(levels[across])), [_literal(x) for x in levels[across]]
        )
        axes.set_xlim(-0.3, len(levels[across]) - 0.7)
        axes.set_xlabel(across.rpartition(".")[2])
        axes.legend(frameon=False, fontsize=8, loc="best")
        plain(axes)
    panels[0].set_ylabel(unit)
    panels[0].yaxis.set_major_formatter(_thousands)
    figure.savefig(path)


def _thousands(number: float, _: float) -> str:
    """Return a tick's label: 200k for 200,000."""
    return f"{number / 1000:g}k" if abs(number) >= 10_000 else f"{number:g}"


def _literal(name: str) -> str:
    """Escape a name, in which matplotlib would find a formula."""
    return name.replace("$", r"\$")

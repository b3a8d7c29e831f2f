"""Plot runs from their logged numbers."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from puckrl.core.errors import UserError
from puckrl.monitor.table import Array, RunTable
from puckrl.monitor.verdict import Phase, Span, Verdict

_INK, _MUTED = "#1f2a44", "#8a94a6"
_SUCCESS, _MOVING, _LOSS, _Q = "#2a9d58", "#e0a526", "#c8443a", "#3b6fb6"
RUN_COLORS = ("#2a9d58", "#3b6fb6", "#c8443a", "#e0a526", "#7a4fa3", "#3aa6a6", _MUTED)
_SHADES: dict[Phase, str] = {
    "warm-up": "#eceff4",
    "flat": "#e3e6ec",
    "take-off": "#fdeecb",
    "converging": "#e2f2e6",
    "converged": "#c3e6cd",
    "collapsed": "#f6d3cf",
    "unknown": "#ffffff",
}


def curve(
    table: RunTable, title: str, path: Path, verdict: Verdict | None = None
) -> None:
    """Plot success above and what explains it below, over env steps.

    Args:
        table: a run's numbers, from any library.
        title: heads the figure.
        path: a PNG file, overwritten.
        verdict: shades the phases and heads the figure.
    """
    figure = Figure(figsize=(8, 6), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    _success(upper, table)
    _causes(lower, table)
    _other_clocks(upper, table)
    if verdict is not None:
        for axes in (upper, lower):
            shade(axes, verdict.spans, named=axes is upper)
        title = f"{title} · {verdict.headline}"
    figure.suptitle(_literal(title), color=_INK, fontsize=12, x=0.01, ha="left")
    figure.savefig(path)


def comparison(runs: Sequence[tuple[str, RunTable, Verdict]], path: Path) -> None:
    """Plot one run as a curve, several with success above and phases below.

    Args:
        runs: name, numbers and verdict of each.
        path: a PNG file, overwritten.

    Raises:
        UserError: if the file cannot be written, or its ending names no image format.
    """
    legal = Figure().canvas.get_supported_filetypes()
    if path.suffix and path.suffix[1:].lower() not in legal:
        raise UserError(
            f"cannot draw {path}; legal endings: {', '.join(sorted(legal))}"
        )
    try:
        _compare(runs, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _compare(runs: Sequence[tuple[str, RunTable, Verdict]], path: Path) -> None:
    if len(runs) == 1:
        name, table, verdict = runs[0]
        curve(table, name, path, verdict)
        return
    figure = Figure(figsize=(8, 4.5 + 0.3 * len(runs)), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, len(runs)])
    for i, (name, table, verdict) in enumerate(runs):
        color, y = RUN_COLORS[i % len(RUN_COLORS)], len(runs) - 1 - i
        judged = "eval/success" if "eval/success" in table else "train/success"
        points = _points(table, judged)
        upper.plot(*points, color=color, lw=1.6, label=_literal(name))
        for span in verdict.spans:
            begin, end = span.env_steps
            shade = _SHADES[span.phase]
            lower.barh(y, end - begin, left=begin, color=shade, ec=_MUTED, lw=0.4)
            if end - begin > 0.12 * max(v.spans[-1].env_steps[1] for _, _, v in runs):
                middle = (begin + end) / 2
                lower.text(middle, y, span.phase, ha="center", va="center", fontsize=7)
    upper.set_ylim(-0.02, 1.02)
    upper.set_ylabel("success")
    upper.legend(frameon=False, fontsize=8, loc="best")
    plain(upper)
    names = [_literal(name) for name, _, _ in reversed(runs)]
    lower.set_yticks(range(len(runs)), names)
    lower.tick_params(axis="y", labelsize=7)
    lower.set_xlabel("env steps")
    lower.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(path)


def _points(table: RunTable, name: str) -> tuple[Array, Array]:
    """Return env steps and a number, where it is finite."""
    points = table.curve(name)
    return points.x, points.y


def _literal(name: str) -> str:
    """Escape a name, in which matplotlib would find a formula."""
    return name.replace("$", r"\$")


def shade(axes: Axes, spans: Sequence[Span], *, named: bool = True) -> None:
    """Draw phases as bands behind the curves; ``named``: with their names."""
    total = spans[-1].env_steps[1] or 1.0
    for span in spans:
        begin, end = span.env_steps
        axes.axvspan(begin, end, color=_SHADES[span.phase], lw=0, zorder=0)
        if named and end - begin > 0.06 * total:
            at = (begin + end) / 2
            text = {"ha": "center", "va": "top", "fontsize": 8, "color": _MUTED}
            axes.text(at, 1.0, span.phase, transform=axes.get_xaxis_transform(), **text)


def _success(axes: Axes, table: RunTable) -> None:
    """Plot evaluated success with its interval, training success, moving share."""
    steps, success = _points(table, "eval/success")
    low, high = (
        _points(table, "eval/success_low")[1],
        _points(table, "eval/success_high")[1],
    )
    if len(low) == len(steps) == len(high):
        axes.fill_between(steps, low, high, color=_SUCCESS, alpha=0.2, lw=0)
    axes.plot(
        steps,
        success,
        color=_SUCCESS,
        lw=2,
        marker="o",
        ms=3,
        label="success, deterministic",
    )
    axes.plot(
        *_points(table, "train/success"),
        color=_MUTED,
        lw=0.8,
        label="success while exploring",
    )
    moving = _points(table, "replay/recent_moving_share")
    axes.plot(
        *moving,
        color=_MOVING,
        lw=1.2,
        ls="--",
        label="episodes in which the achieved goal moved",
    )
    axes.set_ylim(-0.02, 1.1)  # the names of the phases are above 1
    axes.set_ylabel("share of episodes")
    axes.legend(frameon=False, fontsize=8, loc="best")
    plain(axes)


def _causes(axes: Axes, table: RunTable) -> None:
    """Plot critic loss and mean value: a rising loss marks the take-off."""
    axes.plot(*_points(table, "train/critic_loss"), color=_LOSS, lw=1)
    axes.set_ylabel("critic loss", color=_LOSS)
    axes.set_xlabel("env steps")
    twin = axes.twinx()
    twin.plot(*_points(table, "train/q_mean"), color=_Q, lw=1)
    twin.set_ylabel("mean Q", color=_Q)
    plain(axes)
    twin.spines[["top", "left"]].set_visible(False)


def _other_clocks(axes: Axes, table: RunTable) -> None:
    """Say how many updates and seconds the right edge is: env steps alone say little."""
    updates, seconds = table.curve("updates").y, table.curve("train_s").y
    if not len(updates) or not len(seconds):
        return
    text = f"{updates[-1]:,.0f} updates · {seconds[-1]:,.0f} s of training at the right edge"
    axes.set_title(text, loc="right", fontsize=8, color=_MUTED)


def plain(axes: Axes) -> None:
    """Leave two spines and a pale grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e9ef", lw=0.6)
    axes.set_axisbelow(True)

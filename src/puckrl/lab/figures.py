"""Plots, made from analyse's tables only."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from puckrl.lab.analyse import column
from puckrl.train.sinks import Row

_INK, _MUTED = "#1f2a44", "#8a94a6"
_SUCCESS, _MOVING, _LOSS, _Q = "#2a9d58", "#e0a526", "#c8443a", "#3b6fb6"


def curve(rows: Sequence[Row], title: str, path: Path) -> None:
    """Success above, what explains it below, over env steps.

    Args:
        rows: a run's logged rows.
        title: heads the figure.
        path: a PNG file, overwritten.
    """
    figure = Figure(figsize=(8, 6), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    _success(upper, rows)
    _causes(lower, rows)
    _other_clocks(upper, rows)
    figure.suptitle(title, color=_INK, fontsize=12, x=0.01, ha="left")
    figure.savefig(path)


def _success(axes: Axes, rows: Sequence[Row]) -> None:
    """Evaluated success with its interval, training success, moving share."""
    steps, success = column(rows, "eval/success")
    low, high = (
        column(rows, "eval/success_low")[1],
        column(rows, "eval/success_high")[1],
    )
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
        *column(rows, "train/success"),
        color=_MUTED,
        lw=0.8,
        label="success while exploring",
    )
    moving = column(rows, "replay/recent_moving_share")
    axes.plot(
        *moving,
        color=_MOVING,
        lw=1.2,
        ls="--",
        label="episodes in which the goal quantity moved",
    )
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("share of episodes")
    axes.legend(frameon=False, fontsize=8, loc="best")
    _plain(axes)


def _causes(axes: Axes, rows: Sequence[Row]) -> None:
    """Critic loss and mean value: a rising loss is the take-off."""
    axes.plot(*column(rows, "train/critic_loss"), color=_LOSS, lw=1)
    axes.set_ylabel("critic loss", color=_LOSS)
    axes.set_xlabel("env steps")
    twin = axes.twinx()
    twin.plot(*column(rows, "train/q_mean"), color=_Q, lw=1)
    twin.set_ylabel("mean Q", color=_Q)
    _plain(axes)
    twin.spines[["top", "left"]].set_visible(False)


def _other_clocks(axes: Axes, rows: Sequence[Row]) -> None:
    """Updates and seconds at the right edge: env steps alone say little."""
    if not rows:
        return
    last = rows[-1]
    text = f"{last['updates']:,.0f} updates · {last['train_s']:,.0f} s of training at the right edge"
    axes.set_title(text, loc="right", fontsize=8, color=_MUTED)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e9ef", lw=0.6)
    axes.set_axisbelow(True)

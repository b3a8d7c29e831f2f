"""Read Stable-Baselines3's monitor files: one row per episode, a file per world."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from puckrl.core.errors import UserError
from puckrl.logs.delimited import columns_of, read_table
from puckrl.logs.text import head
from puckrl.monitor.table import Array
from puckrl.monitor.verdict import Finding, Number

_HEADER = ("r", "l", "t", "is_success")
_WINDOW = 100  # Stable-Baselines3 averages over 100, too
_ROWS = 400
_BACK_S = 1.0  # seconds that a clock may go back by rounding
_SOME = 30  # episodes that tell whether success goes on


@dataclass(frozen=True)
class Monitor:
    """Hold the episodes of one world."""

    path: Path
    """The file."""
    begun: float | None
    """When it was begun, seconds since the epoch; None: its first line is missing."""
    episodes: Array
    """Time since then, length, return, success (NaN: not logged), (n, 4)."""
    restarts: tuple[int, ...]
    """Episodes at which its time starts again."""


def is_monitor(path: Path) -> bool:
    """Return whether a file is a monitor's by its name or its first line."""
    name = path.name.removesuffix(".gz")
    return name.endswith("monitor.csv") or (
        name.endswith(".csv") and begun(path) is not None
    )


def begun(path: Path) -> float | None:
    """Return when a monitor file was begun, seconds since the epoch; None: no such."""
    try:
        line = head(path, 1 << 12).partition("\n")[0]
        header = json.loads(line[1:]) if line.startswith("#") else None
    except (UserError, ValueError, RecursionError):
        return None
    told = header.get("t_start") if isinstance(header, dict) else None
    return float(told) if isinstance(told, int | float) else None


def read_monitor(path: Path) -> Monitor:
    """Return the episodes of a monitor file.

    A file without its two header lines, as SB3 leaves it when it appends to one that was
    not there, holds r, l, t and perhaps is_success.

    Raises:
        UserError: if it is no table of episodes.
    """
    try:
        names, header = columns_of(path), ()
    except UserError as error:
        if "no header" not in str(error):
            raise
        names = header = _HEADER
    if not {"r", "l", "t"} <= set(names):
        raise UserError(f"{path} is no monitor file: it has {', '.join(names[:6])}")
    frame = read_table(path, frozenset(_HEADER).__contains__, header=header)
    gap = np.full(frame.rows, np.nan)
    table = np.stack(
        [frame.columns.get(n, gap) for n in ("t", "l", "r", "is_success")], axis=1
    )
    table = table[np.isfinite(table[:, 0]) & np.isfinite(table[:, 1])]
    back = np.flatnonzero(np.diff(table[:, 0]) < -_BACK_S) + 1
    return Monitor(path, begun(path), table, tuple(back.tolist()))


def columns(monitors: Sequence[Monitor]) -> tuple[dict[str, Array], tuple[float, ...]]:
    """Return the episodes of one run as means over 100 or more, and where it was resumed.

    Env steps are the lengths summed over all worlds, in the order in which the episodes
    ended.
    """
    parts = [_on(m, zero) for m, zero in zip(monitors, _starts(monitors), strict=True)]
    table = np.concatenate([*parts, np.empty((0, 5))])
    table = table[table[:, 0].argsort(kind="stable")]
    steps = np.cumsum(table[:, 1])
    size = min(max(_WINDOW, len(table) // _ROWS), max(len(table) // 8, 1))
    rows = len(table) // size if len(table) else 0
    last = size * np.arange(1, rows + 1) - 1
    means = table[: rows * size].reshape(rows, size, 5).mean(axis=1)
    found = {
        "env_steps": steps[last],
        "episodes": last + 1.0,
        "wall_s": table[last, 0],
        "train/episode_steps": means[:, 1],
        "train/return": means[:, 2],
        "train/success": means[:, 3],
        "train/episodes_averaged": np.full(rows, float(size)),
    }
    if not np.isfinite(means[:, 3]).any():
        del found["train/success"]
    resumed = steps[np.flatnonzero(table[:, 4])] if len(table) else np.empty(0)
    return found, tuple(resumed.tolist())


def _on(monitor: Monitor, zero: float) -> Array:
    """Return episodes whose time goes on where the file was resumed; column 4 marks it."""
    marks = np.zeros(len(monitor.episodes))
    marks[list(monitor.restarts)] = 1.0
    table = np.column_stack([monitor.episodes, marks])
    for at in monitor.restarts:
        table[at:, 0] += table[at - 1, 0] - min(table[at, 0], 0.0)
    table[:, 0] += zero
    return table


def _starts(monitors: Sequence[Monitor]) -> list[float]:
    """Return when each file was begun, seconds after the first; 0 if one does not say."""
    known = [m.begun for m in monitors if m.begun is not None]
    if len(known) < len(monitors):
        return [0.0] * len(monitors)
    return [t - min(known) for t in known]


def contaminations(monitors: Sequence[Monitor]) -> tuple[Finding, ...]:
    """Return whether monitor files hold several runs: appended, or side by side."""
    name, advice = "contaminated log", "separate the runs: give each its own folder"
    if bad := [m for m in monitors if any(not _goes_on(m, at) for at in m.restarts)]:
        text = (
            f"time starts again in {bad[0].path.name}, and success does not go on where it "
            "stood: more than one run was appended"
        )
        number = Number("monitor files whose time goes back", float(len(bad)))
        advice = "separate the runs; Monitor(override_existing=True) starts a new file"
        return (Finding(name, "red", text, advice, (number,)),)
    if later := _later(monitors):
        text = f"{later[0].name} begins after the others had ended: another run"
        number = Number("runs by their times", float(len(later) + 1))
        return (Finding(name, "red", text, advice, (number,)),)
    return ()


def resumed(monitors: Sequence[Monitor]) -> tuple[Finding, ...]:
    """Return the finding that a run was resumed, none if it was not."""
    again = [m for m in monitors if m.restarts]
    if not again:
        return ()
    return (
        Finding(
            "resumed log",
            "green",
            f"time starts again in {again[0].path.name}, and success goes on where it stood",
            "nothing: it is judged as one run",
            (Number("restarts", float(sum(len(m.restarts) for m in again))),),
        ),
    )


def _goes_on(monitor: Monitor, at: int) -> bool:
    """Return whether the episodes after a restart are like those before, and learned.

    Compares success, or returns, over the episodes at the beginning, before and after.
    A run that had learned nothing looks like a new one.
    """
    goal = monitor.episodes[:, 3]
    if not np.isfinite(goal).all():
        goal = monitor.episodes[:, 2]
    size = min(_SOME, at // 3, len(goal) - at)
    if size < 3:
        return False
    first, before, after = goal[:size], goal[at - size : at], goal[at : at + size]
    gained = before.mean() - first.mean()
    noise = np.sqrt((first.var() + before.var()) / size)
    return bool(gained > 3 * noise and after.mean() > first.mean() + gained / 2)


def _later(monitors: Sequence[Monitor]) -> list[Path]:
    """Return the files that were begun after all before them had ended.

    The worlds of one run are recorded at the same time, so each belongs to another run.
    """
    lives = sorted(
        (zero, zero + float(m.episodes[-1, 0]), m.path)
        for m, zero in zip(monitors, _starts(monitors), strict=True)
        if len(m.episodes)
    )
    ends = np.maximum.accumulate([end for _, end, _ in lives]) if lives else np.empty(0)
    return [
        path
        for (zero, _, path), end in zip(lives[1:], ends, strict=False)
        if zero > end
    ]

"""Read CSV files as rows: Stable-Baselines3's progress and monitor files, W&B exports."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from puckrl.core.errors import UserError
from puckrl.doctor.logs.names import WANDB, ours
from puckrl.monitor.table import Array
from puckrl.training.sinks import LogRow

_EPISODES = 100  # Stable-Baselines3 averages over 100, too
_ROWS = 400

Line = dict[str, str]


def read_csv(path: Path) -> tuple[list[str], list[Line]]:
    """Return header and lines; SB3's monitor files begin with a comment of JSON.

    Raises:
        UserError: if it cannot be read as CSV.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            text = (line for line in file if not line.startswith("#"))
            reader = csv.DictReader(text)
            lines = list(reader)
            header = list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {path} as CSV: {error}") from error
    if not header:
        raise UserError(f"{path} is empty")
    return header, lines


def renamed(
    header: Sequence[str], lines: Sequence[Line], mapping: Mapping[str, str]
) -> tuple[list[LogRow], list[str]]:
    """Return lines under our names, and the names that are not ours.

    Drops lines without env steps. Empty cells are gaps; NaN and inf stay.
    """
    names = {theirs: ours(theirs, mapping) for theirs in header}
    rows: list[LogRow] = []
    for line in lines:
        row: LogRow = {}
        for theirs, name in names.items():
            value = _number(line.get(theirs))
            if name is not None and value is not None:
                row[name] = value
        if np.isfinite(row.get("env_steps", np.nan)):
            rows.append(row)
    return rows, [theirs for theirs, name in names.items() if name is None]


def wandb_runs(
    header: Sequence[str], lines: Sequence[Line], mapping: Mapping[str, str]
) -> dict[str, tuple[list[LogRow], list[str]]]:
    """Return the runs of a W&B export, by name.

    A chart's export has columns "run - metric", with __MIN and __MAX beside them; a
    run's history has plain names.
    """
    clocks = dict(WANDB)
    if "global_step" in header:  # better than W&B's own count of log calls
        clocks |= {"_step": "", "Step": ""}
    known = {k: v for k, v in clocks.items() if v} | dict(mapping)
    charts = [c for c in header if " - " in c and not c.endswith(("__MIN", "__MAX"))]
    if not charts:
        kept = [c for c in header if clocks.get(c) != ""]
        return {"": renamed(kept, lines, known)}
    runs = dict.fromkeys(c.rpartition(" - ")[0] for c in charts)
    step = [c for c in header if " - " not in c]
    found: dict[str, tuple[list[LogRow], list[str]]] = {}
    for run in runs:
        mine = {
            c: c.rpartition(" - ")[2] for c in charts if c.rpartition(" - ")[0] == run
        }
        columns = {c: c for c in step} | mine
        short = [{new: line[old] for old, new in columns.items()} for line in lines]
        found[run] = renamed(list(columns.values()), short, known)
    return found


def monitor_rows(paths: Sequence[Path]) -> list[LogRow]:
    """Return the episodes of one run's monitor files as means over 100 or more.

    Env steps are the lengths summed over all worlds, in the order in which the
    episodes ended.
    """
    parts = [_episodes(p, t) for p, t in zip(paths, _starts(paths), strict=True)]
    table = np.concatenate([*parts, np.empty((0, 4))])
    table = table[table[:, 0].argsort(kind="stable")]
    steps = np.cumsum(table[:, 1])
    size = min(max(_EPISODES, len(table) // _ROWS), max(len(table) // 8, 1))
    rows: list[LogRow] = []
    for last in range(size - 1, len(table), size):
        part = table[last - size + 1 : last + 1]
        row = {
            "env_steps": float(steps[last]),
            "episodes": float(last + 1),
            "wall_s": float(part[-1, 0]),
            "train/episode_steps": float(part[:, 1].mean()),
            "train/return": float(part[:, 2].mean()),
        }
        if np.isfinite(part[:, 3]).all():
            row["train/success"] = float(part[:, 3].mean())
        rows.append(row)
    return rows


def _episodes(path: Path, begun: float) -> Array:
    """Return time, length, return and success of a monitor file's episodes, (n, 4)."""
    episodes: list[tuple[float, ...]] = []
    for line in read_csv(path)[1]:
        t, *rest = (_number(line.get(key)) for key in ("t", "l", "r", "is_success"))
        if t is not None and None not in rest[:2]:
            episodes.append((begun + t, *(np.nan if n is None else n for n in rest)))
    return np.array(episodes, dtype=np.float64).reshape(-1, 4)


def _starts(paths: Sequence[Path]) -> list[float]:
    """Return when each monitor file was begun, seconds after the first.

    All zeros if one of them does not say.
    """
    begun = [started(path) for path in paths]
    known = [t for t in begun if t is not None]
    if len(known) < len(begun):
        return [0.0] * len(begun)
    return [t - min(known) for t in known]


def later_runs(paths: Sequence[Path]) -> list[Path]:
    """Return the monitor files that were begun after all before them had ended.

    The worlds of one run are recorded at the same time, so each belongs to another run.
    """
    lives = sorted(
        (begun, float(episodes[-1, 0]), path)
        for path, begun in zip(paths, _starts(paths), strict=True)
        if len(episodes := _episodes(path, begun))
    )
    ends = np.maximum.accumulate([end for _, end, _ in lives]) if lives else np.empty(0)
    return [
        path
        for (begun, _, path), end in zip(lives[1:], ends, strict=False)
        if begun > end
    ]


def monitor_goes_back(path: Path) -> int:
    """Return how often a monitor file's time jumps back: runs appended to one another."""
    times = [_number(line.get("t")) for line in read_csv(path)[1]]
    known = np.array([t for t in times if t is not None])
    return int((np.diff(known) < -1.0).sum())


def started(path: Path) -> float | None:
    """Return when an SB3 monitor file was begun, seconds since the epoch; None: no such."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        head = file.readline()
    try:
        header = json.loads(head[1:]) if head.startswith("#") else None
    except ValueError:
        return None
    begun = header.get("t_start") if isinstance(header, dict) else None
    return float(begun) if isinstance(begun, int | float) else None


def _number(text: str | None) -> float | None:
    """Return a cell as a number; None for a gap, or what is no number."""
    try:
        return float(text) if text else None
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get((text or "").lower())

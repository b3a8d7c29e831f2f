"""Print a comparison of runs: ``puck compare``."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from puckrl.core.words import count, duration, sparkline
from puckrl.study.compare import LEVELS, Comparison, Contender, at, reached

_LETTERS = 26
_POINTS = 6  # where curves are also given as numbers
_WIDE = 88  # columns from which there is room for these numbers
_LABEL, _CELL = 6, 8  # columns of a label, of a number
_LEAST, _MOST = 10, 48  # columns of a curve
_CLOCKS = {"env_steps": "env steps", "updates": "updates"}


def render(of: Comparison, width: int, *, blocks: bool = True) -> Group:
    """Return what the terminal shows.

    Args:
        of: the comparison.
        width: columns of the terminal.
        blocks: whether the terminal has block characters; else curves are ASCII.
    """
    labels = [label(index) for index in range(len(of.runs))]
    parts: list[RenderableType] = [
        Text.assemble((f"{one}  ", "bold"), run.summary.name)
        for one, run in zip(labels, of.runs, strict=True)
    ]
    parts += ["", _ends(of.runs, labels)]
    for title, rows in (
        ("settings that decide what is learned", of.settings),
        ("other settings", of.others),
        ("made with", of.made),
    ):
        if rows:
            parts += ["", Text(title, style="bold"), _differences(rows, labels)]
    for clock, words in _CLOCKS.items():
        title = Text(f"success over {words}", style="bold")
        parts += ["", title, _curves(of.runs, labels, clock, width, blocks=blocks)]
    if any(run.curve for run in of.runs):
        title = Text("first reached: env steps, updates", style="bold")
        parts += ["", title, _first_reached(of.runs, labels)]
    parts.append("")
    parts += [Text(f"- {line}", style="yellow") for line in of.warnings]
    return Group(*parts)


def label(index: int) -> str:
    """Return a short name for a run: A, B, ... Z, then 27, 28, ..."""
    return chr(ord("A") + index) if index < _LETTERS else str(index + 1)


def _grid(first: str, *others: str) -> Table:
    """Return an empty table without rules; columns but the first are to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for other in others:
        table.add_column(other, justify="right", overflow="fold")
    return table


def _ends(runs: Sequence[Contender], labels: Sequence[str]) -> Table:
    """Return what each run ended with."""
    titles = (
        "success",
        "verdict",
        "env steps",
        "updates",
        "training",
        "in all",
        "ended by",
    )
    table = _grid("", *titles)
    for one, run in zip(labels, runs, strict=True):
        end = run.summary
        table.add_row(
            one,
            _success(run),
            end.verdict or "-",
            "-" if end.env_steps is None else count(end.env_steps),
            "-" if end.updates is None else count(end.updates),
            "-" if end.train_s is None else duration(end.train_s),
            "-" if end.total_s is None else duration(end.total_s),
            Text(end.ended_by or end.status),
        )
    return table


def _success(run: Contender) -> Text:
    """Return the final success with its interval, as far as they are known."""
    if run.summary.success is None:
        return Text("-")
    if run.interval is None:
        return Text(f"{run.summary.success:.2f}")
    low, high = run.interval
    return Text(f"{run.summary.success:.2f} [{low:.2f}, {high:.2f}]")


def _differences(rows: Mapping[str, tuple[Any, ...]], labels: Sequence[str]) -> Table:
    """Return a row for each name, a column for each run."""
    table = _grid("", *labels)
    for name, values in rows.items():
        table.add_row(Text(name), *(Text(_value(value)) for value in values))
    return table


def _value(value: Any) -> str:
    """Return a value as it is written on the command line; a dash for None."""
    if isinstance(value, tuple | list):
        return " ".join(map(str, value)) or "(none)"
    return "-" if value is None or value == "" else str(value)


def _curves(
    runs: Sequence[Contender],
    labels: Sequence[str],
    clock: str,
    width: int,
    *,
    blocks: bool,
) -> RenderableType:
    """Return success over one clock: a small curve, and numbers at common points."""
    ends = [getattr(run.curve[-1], clock) for run in runs if run.curve]
    if not ends or max(ends) <= 0:
        return Text("no evaluation yet", style="dim")
    end = max(ends)
    points = [end * (i + 1) / _POINTS for i in range(_POINTS)] if width >= _WIDE else []
    wide = max(_LEAST, min(_MOST, width - _LABEL - _CELL * len(points)))
    fine = [end * (i + 1) / wide for i in range(wide)]
    table = _grid("", *map(count, points))
    table.columns.insert(1, Column(f"0 to {count(end)}", no_wrap=True))
    for one, run in zip(labels, runs, strict=True):
        drawn = sparkline(at(run.curve, clock, fine), wide, blocks=blocks)
        numbers = (
            "-" if s is None else f"{s:.2f}" for s in at(run.curve, clock, points)
        )
        table.add_row(one, Text(drawn.ljust(wide), style="green"), *numbers)
    return table


def _first_reached(runs: Sequence[Contender], labels: Sequence[str]) -> Table:
    """Return when each run first reached some success rates, on both clocks."""
    table = _grid("success", *labels)
    for level in LEVELS:
        points = [reached(run, level) for run in runs]
        cells = (
            "-"
            if point is None
            else f"{count(point.env_steps)}, {count(point.updates)}"
            for point in points
        )
        table.add_row(f"{level:.2f}", *cells)
    return table

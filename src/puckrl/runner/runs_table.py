"""Print summaries of runs as a table that fits the terminal: ``puck runs``."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from puckrl.core.words import age, count, duration
from puckrl.runner.summaries import RunSummary

_GAP = 2  # blanks between columns
_NAME = 24  # of a run's name that a narrow terminal shows in a line
_STYLES = {"running": "cyan", "done": "green", "failed": "red", "damaged": "red"}
_VERDICTS = {"green": "green", "yellow": "yellow", "red": "red"}


class Column(NamedTuple):
    """Define a column of the table."""

    title: str
    """Heading."""
    rank: int
    """A narrow terminal leaves out the columns of the highest ranks."""
    cell: Callable[[RunSummary, float], Text]
    """Return the cell of a run at a moment, seconds since the epoch."""
    right: bool = False
    """Whether cells are aligned to the right."""


def _text(value: object) -> Text:
    """Return a value as text, a dash for None."""
    return Text("-", style="dim") if value is None else Text(str(value))


def _status(run: RunSummary, now: float) -> Text:
    """Return the status, with what stopped the run if it was not its budget."""
    usual = run.ended_by in (None, "budget", "success", "converged")
    by_name = run.status in ("done", "stopped") and not usual
    words = f"{run.status} ({run.ended_by})" if by_name else run.status
    return Text(words, style=_STYLES.get(run.status, "yellow"))


def _success(run: RunSummary, now: float) -> Text:
    """Return the success rate."""
    return _text(None if run.success is None else f"{run.success:.2f}")


def _verdict(run: RunSummary, now: float) -> Text:
    """Return the doctor's phase."""
    if run.verdict is None:
        return _text(None)
    return Text(run.verdict, style=_VERDICTS.get(run.color or "", ""))


def _env_steps(run: RunSummary, now: float) -> Text:
    """Return the env steps."""
    return _text(None if run.env_steps is None else count(run.env_steps))


def _updates(run: RunSummary, now: float) -> Text:
    """Return the updates."""
    return _text(None if run.updates is None else count(run.updates))


def _train(run: RunSummary, now: float) -> Text:
    """Return the time of training."""
    return _text(None if run.train_s is None else duration(run.train_s))


def _total(run: RunSummary, now: float) -> Text:
    """Return the time of the whole command; of a run that did not log it, what it logged."""
    known = run.wall_s if run.total_s is None else run.total_s
    return _text(None if known is None else duration(known))


def _age(run: RunSummary, now: float) -> Text:
    """Return how long ago the run began."""
    passed = run.age_s(now)
    return _text(None if passed is None else age(passed))


COLUMNS = (
    Column("run", 0, lambda run, now: Text(run.name)),
    Column("preset", 10, lambda run, now: _text(run.preset)),
    Column("seed", 8, lambda run, now: _text(run.seed), right=True),
    Column("status", 1, _status),
    Column("success", 2, _success, right=True),
    Column("verdict", 3, _verdict),
    Column("env steps", 4, _env_steps, right=True),
    Column("updates", 5, _updates, right=True),
    Column("training", 9, _train, right=True),
    Column("in all", 6, _total, right=True),
    Column("age", 7, _age, right=True),
)


def render(runs: Sequence[RunSummary], now: float, width: int | None) -> Group:
    """Return the table, and a line for each damaged run.

    Args:
        runs: in the order of the rows.
        now: seconds since the epoch.
        width: columns of the terminal: a table that is wider leaves out what matters
            least, and folds names; None: all columns, as wide as they are.
    """
    sound = [run for run in runs if run.status != "damaged"]
    lines = [
        Text.assemble(("damaged: ", "red"), f"{run.path}: {run.ended_by}")
        for run in runs
        if run.status == "damaged"
    ]
    return Group(*([_table(sound, now, width)] if sound else []), *lines)


def _table(runs: Sequence[RunSummary], now: float, width: int | None) -> Table | Text:
    """Return the table of runs that can be read."""
    cells = {
        column: [column.cell(run, now) for run in runs]
        for column in fitting(runs, now, width)
    }
    if width is None:
        return _plain(cells)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for column in cells:
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=column.rank > 0,
            overflow="fold",
        )
    for row in zip(*cells.values(), strict=True):
        table.add_row(*row)
    return table


def fitting(
    runs: Sequence[RunSummary], now: float, width: int | None
) -> tuple[Column, ...]:
    """Return the columns that fit beside one another, in their order."""
    sizes = {
        column: max(
            [
                len(column.title),
                *(cell_len(column.cell(run, now).plain) for run in runs),
            ]
        )
        for column in COLUMNS
    }
    kept = list(COLUMNS)
    while width is not None and len(kept) > 1:
        taken = sum(sizes[column] + _GAP for column in kept) - _GAP
        if taken <= width:
            break
        if len(kept) <= 4:  # the name may fold, before the verdict goes
            taken -= max(sizes[COLUMNS[0]] - _NAME, 0)
            if taken <= width:
                break
        kept.remove(max(kept, key=lambda column: column.rank))
    return tuple(kept)


def _plain(cells: dict[Column, list[Text]]) -> Text:
    """Return aligned text without styles, for pipes and files."""
    columns = [
        [column.title, *(cell.plain for cell in of)] for column, of in cells.items()
    ]
    sizes = [max(map(cell_len, column)) for column in columns]
    rights = [column.right for column in cells]
    lines = [
        (" " * _GAP)
        .join(
            cell.rjust(size) if right else cell.ljust(size)
            for cell, size, right in zip(row, sizes, rights, strict=True)
        )
        .rstrip()
        for row in zip(*columns, strict=True)
    ]
    return Text("\n".join(lines))

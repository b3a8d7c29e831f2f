"""Read CSV and JSON-lines files as sources: the runs in them, under our names."""

from collections.abc import Callable
from pathlib import Path

from puckrl.core.errors import UserError
from puckrl.logs.delimited import read_table
from puckrl.logs.frame import Frame
from puckrl.logs.json_lines import read_lines
from puckrl.logs.known import recognize
from puckrl.logs.log import Kind, stream, without_overwritten
from puckrl.logs.names import Mapped, ours, wanted
from puckrl.logs.pooled import several_runs
from puckrl.logs.reshape import CLOCKS, holds_values, names_signals, wide
from puckrl.logs.source import Source
from puckrl.logs.split import runs_in, tells_runs, without_seed
from puckrl.logs.translate import Translated, translated

_LINES = (".jsonl", ".json", ".ndjson")
_TABLES = (".csv", ".tsv", ".txt")


def is_table(path: Path) -> bool:
    """Return whether a file may be read as a table by its ending."""
    return _ending(path) in (*_LINES, *_TABLES)


def _ending(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def read_tables(path: Path, mapping: Mapped) -> list[Source]:
    """Return the runs of a CSV or JSON-lines file; none if it has no rows yet.

    Raises:
        UserError: if it cannot be read, or no run in it has a clock.
    """
    stem = Path(path.name.removesuffix(".gz")).stem.lower()
    context = {"eval": "eval", "evaluation": "eval", "test": "eval", "train": "train"}
    inside = context.get(stem, "")
    kind: Kind = "json lines" if _ending(path) in _LINES else "csv"
    frame = _frame(path, kind, stem, inside, mapping)
    if not frame.rows:
        return []
    found: list[Source] = []
    failed: UserError | None = None
    for run, part in runs_in(frame, mapping):
        where = f"{path} ({run})" if run else str(path)
        try:
            done = translated(where, part, mapping, inside)
        except UserError as error:
            failed = failed or error
            continue
        found.append(source_of(path, run, part, done, kind))
    if not found and failed is not None:
        raise failed
    return found


def _frame(path: Path, kind: Kind, stem: str, inside: str, mapping: Mapped) -> Frame:
    """Return what a table says that may mean something; without a clock, all of it."""
    read: Callable[..., Frame] = read_lines if kind == "json lines" else read_table

    def known(name: str) -> bool:
        return wanted(_plain(name), mapping, inside) or holds_values(name)

    def told(name: str) -> bool:
        return tells_runs(name) or names_signals(name)

    frame = wide(read(path, known, told), stem, mapping)
    producer = recognize(frame.names)
    if any(ours(_plain(n), mapping, producer) in CLOCKS for n in frame.names):
        return frame
    # to name what may be a clock
    return read(path, lambda name: not tells_runs(name))


def _plain(name: str) -> str:
    """Return a name without the run's that W&B puts before it, or that of a seed."""
    if " - " in name and " / " not in name:
        return name.rpartition(" - ")[2]
    return without_seed(name)[1]


def source_of(
    path: Path, run: str, frame: Frame, done: Translated, kind: Kind
) -> Source:
    """Return a translated table as a source.

    Args:
        path: its file, for messages.
        run: name of the run, where the file holds several; else empty.
        frame: the table under its own names.
        done: the same under ours.
        kind: the format.
    """
    clock = stream(path.name, done.columns)
    columns, resumed = without_overwritten(done.columns)
    breaks = [float(frame.columns[n][b]) for b in frame.breaks for n in _steps(frame)]
    pooled = several_runs(path.name, columns, done.producer)
    return Source(
        kind,
        columns,
        done.not_finite,
        run,
        (clock,),
        (*done.problems, *pooled),
        done.unmapped,
        frame.names,
        done.notes,
        done.producer,
        tuple(sorted({*resumed, *breaks})),
    )


def _steps(frame: Frame) -> list[str]:
    """Return the column of env steps, by its common names."""
    return [n for n in frame.columns if ours(n, {}) == "env_steps"][:1]

"""Read tables of separated values by columns: CSV, tabs, semicolons with decimal commas."""

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from puckrl.core.errors import UserError
from puckrl.logs import bulk
from puckrl.logs.cells import decimal_comma, dots_group, is_gap, number
from puckrl.logs.frame import Columns, Frame
from puckrl.logs.text import blocks, head

Wanted = Callable[[str], bool]
"""Which columns to convert, by name."""
_SEPARATORS = ",;\t|"
_HEAD = 2000  # lines that tell how numbers are written
_BULK = 1 << 20  # bytes of a block that are worth loading polars for
_NAMES, _NAME = 5000, 200  # columns, letters of a name
csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class _Form:
    """Hold how a file is written."""

    separator: str
    comma: bool
    header: tuple[str, ...]
    dots: Mapping[str, bool | None] = field(default_factory=dict[str, bool | None])
    """Whether dots group thousands in a column; None: they may."""
    notes: tuple[str, ...] = ()
    """Names that stand twice in the header."""


def read_table(
    path: Path,
    wanted: Wanted,
    told: Wanted = lambda name: False,
    header: Sequence[str] = (),
) -> Frame:
    """Return a file of separated values as a frame.

    Lines that begin with ``#`` are comments. Short rows have gaps at their end; longer
    rows than the header are left out, and said so. A file that ends within a line may
    have been cut there: that line's last cell is left out.

    Args:
        path: the file.
        wanted: which columns to convert to numbers.
        told: which columns to keep as words.
        header: names of its columns; empty: its first line holds them.

    Raises:
        UserError: if it is no table, or its header is missing.
    """
    if not head(path).strip():
        return Frame({})
    form, body, found = _form(path, header), not header, Columns()
    found.names = dict.fromkeys(form.header)
    found.dotted = frozenset(name for name, dots in form.dots.items() if dots is None)
    found.notes += form.notes
    for part in blocks(path, on_cut=found.end_too_soon):
        block, body = (_after_header(part), False) if body else (part, False)
        if block and not block.endswith(b"\n"):
            block = _without_last_cell(block, form.separator, found)
        done = None
        plain = not form.comma and not any(form.dots.values()) and form.separator != " "
        if len(block) >= _BULK and plain:
            done = bulk.table(block, form.separator, form.header, wanted, told)
        if done is not None:
            found.take(done)
        else:
            form = _block(block, form, found, wanted, told)
    return found.frame()


def columns_of(path: Path) -> tuple[str, ...]:
    """Return the names in the header of a file.

    Raises:
        UserError: as ``read_table``.
    """
    return _form(path, ()).header


def _form(path: Path, header: Sequence[str]) -> _Form:
    """Return separator, decimal sign and header of a file."""
    lines = [x for x in head(path).split("\n") if x.strip() and not x.startswith("#")]
    if not lines:
        raise UserError(f"{path} is empty")
    separator = _separator(lines)
    rows = _split(lines[:_HEAD], separator)
    cells = [cell for row in rows[not header :] for cell in row]
    comma = decimal_comma(cells)  # between commas, such cells are quoted
    names, notes = _distinct(header or [name.strip()[:_NAME] for name in rows[0]])
    cells_of = zip(names, zip_longest(*rows[not header :], fillvalue=""), strict=False)
    grouped = comma or separator != ","
    dots = {n: grouped and dots_group(c, comma) for n, c in cells_of}
    if not header and all(_is_number(cell, comma) for cell in names):
        raise UserError(
            f"{path} has no header: its first line is {lines[0][:40]!r}; write the names "
            "of its columns above it"
        )
    if len(names) > _NAMES:
        raise UserError(f"{path} has {len(names):,} columns; legal: {_NAMES:,}")
    return _Form(separator, comma, names, dots, notes)


def _distinct(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names of which a later one of the same name is numbered, and notes on them."""
    seen, distinct = Counter[str](), list[str]()
    for name in names:
        seen[name] += 1
        distinct.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    twice = [name for name, count in seen.items() if name and count > 1]
    notes = (
        f"{n} stands {seen[n]} times in the header: the first counts" for n in twice
    )
    return tuple(distinct), tuple(notes)


def _without_last_cell(block: bytes, separator: str, found: Columns) -> bytes:
    """Return a block without the last cell, which the end of the file may have cut."""
    found.notes.append("the last line has no end: its last cell is not read")
    line = block.rfind(b"\n") + 1
    return block[: max(block.rfind(separator.encode()), line)]


def _separator(lines: Sequence[str]) -> str:
    """Return the separator; a blank where no other is found and words line up."""
    found = max(_SEPARATORS, key=lines[0].count)
    words = {len(line.split()) for line in lines[:50]}
    if found not in lines[0] and len(words) == 1 and min(words) > 1:
        return " "
    return found


def _split(lines: Iterable[str], separator: str) -> list[list[str]]:
    """Return the cells of lines.

    Raises:
        UserError: if they are no separated values.
    """
    if separator == " ":
        return [line.split() for line in lines]
    try:
        return list(csv.reader(lines, delimiter=separator))
    except csv.Error as error:
        raise UserError(f"these are no separated values: {error}") from error


def _is_number(cell: str, comma: bool) -> bool:
    value = number(cell, comma)
    return value is not None and not is_gap(cell)


def _after_header(block: bytes) -> bytes:
    """Return the first block without comments and header."""
    while block:
        line, _, block = block.partition(b"\n")
        if line.strip() and not line.startswith(b"#"):
            break
    return block


def _block(
    block: bytes, form: _Form, found: Columns, wanted: Wanted, told: Wanted
) -> _Form:
    """Add the rows of a block, cell by cell; return the form that holds at its end."""
    lines = block.decode(errors="replace").split("\n")
    cells = _split((x for x in lines if not x.startswith("#")), form.separator)
    rows = [row for row in cells if any(cell.strip() for cell in row)]
    rows = [row for row in rows if not _is_rule(row)]
    begin = 0
    for i, row in enumerate(rows):
        if _repeats(row, form):
            _add(rows[begin:i], form, found, wanted, told)
            form = replace(form, header=_distinct([c.strip() for c in row])[0])
            found.names |= dict.fromkeys(form.header)
            found.breaks.append(found.rows)
            begin = i + 1
    _add(rows[begin:], form, found, wanted, told)
    return form


def _is_rule(row: Sequence[str]) -> bool:
    """Return whether a row is the line below a table's header, as in Markdown: ``---|---``."""
    marks = "".join(row).replace(" ", "")
    return "---" in marks and not marks.strip("-=:+|")


def _repeats(row: Sequence[str], form: _Form) -> bool:
    """Return whether a row is a header again, perhaps with more or fewer columns."""
    if row[0].strip() not in form.header or not any(cell.strip() for cell in row):
        return False
    named = [cell.strip() for cell in row if cell.strip()]
    same = sum(name in form.header for name in named)
    return same > 1 or same == len(row) == len(form.header)


def _add(
    rows: Sequence[Sequence[str]],
    form: _Form,
    found: Columns,
    wanted: Wanted,
    told: Wanted,
) -> None:
    """Add rows under one header."""
    width = len(form.header)
    fitting = [row for row in rows if not any(c.strip() for c in row[width:])]
    found.too_long += len(rows) - len(fitting)
    for name, cells in zip(
        form.header,
        zip_longest(*(row[:width] for row in fitting), fillvalue=""),
        strict=False,
    ):
        if told(name):
            found.say(name, [cell.strip() or None for cell in cells])
        if wanted(name):
            _convert(name, cells, form, found)
    found.rows += len(fitting)


def _convert(name: str, cells: Sequence[str], form: _Form, found: Columns) -> None:
    """Add a column of cells as numbers; remember the first that is none."""
    dots = bool(form.dots.get(name))
    values, bad = np.full(len(cells), np.nan), Counter[str]()
    for i, cell in enumerate(cells):
        value = number(cell, form.comma, dots)
        if value is None:
            found.refuse(name, i, cell.strip())
        else:
            values[i] = value
            bad[name] += math.isnan(value) and not is_gap(cell)
    found.add(name, values, bad[name])

"""Hold what one file says: columns under its own names, rows in the order of writing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from puckrl.logs.bulk import Block
from puckrl.monitor.table import Array

NO_WORDS = 1000
"""Distinct words beyond which a column tells no runs apart."""


_GAPS = 5  # stretches of NaN between values that are a pattern


@dataclass(frozen=True)
class Words:
    """Hold a column of words."""

    labels: tuple[str, ...]
    """Distinct words, in the order of their first row."""
    codes: NDArray[np.int64]
    """Index of each row's word, -1 where there is none, (rows,)."""


@dataclass(frozen=True)
class Unread:
    """Hold the cells of a column that are no numbers."""

    first: str
    """The first of them, with its row."""
    cells: int = 1
    """How many there are."""

    def __str__(self) -> str:
        more = f", nor are {self.cells - 1:,} others" if self.cells > 1 else ""
        return f"{self.first} is no number{more}"


@dataclass(frozen=True)
class Frame:
    """Hold the columns of one file."""

    columns: Mapping[str, Array]
    """Name -> (rows,) float64; NaN where a row does not carry it."""
    not_finite: Mapping[str, int] = field(default_factory=dict[str, int])
    """How often a number was logged as NaN or infinite, by name."""
    words: Mapping[str, Words] = field(default_factory=dict[str, Words])
    """Columns that name a run: of words, or of numbers as words."""
    unread: Mapping[str, Unread] = field(default_factory=dict[str, Unread])
    """Columns with cells that are no numbers."""
    too_long: int = 0
    """Rows with more cells than the header, which are left out."""
    dotted: frozenset[str] = frozenset()
    """Columns whose dots were read as decimal ones, and may group thousands."""
    notes: tuple[str, ...] = ()
    """What of the file could not be read."""
    names: frozenset[str] = frozenset()
    """All names in the file, those that were not converted included."""
    breaks: tuple[int, ...] = ()
    """Rows before which the header was repeated."""
    rows: int = 0
    """Number of rows."""

    def only(self, names: Mapping[str, str]) -> "Frame":
        """Return some columns under new names, new -> old."""
        return replace(
            self,
            columns={n: self.columns[o] for n, o in names.items() if o in self.columns},
            not_finite={n: self.not_finite.get(o, 0) for n, o in names.items()},
            unread={n: self.unread[o] for n, o in names.items() if o in self.unread},
            names=frozenset(names),
        )

    def where(self, rows: NDArray[np.bool_]) -> "Frame":
        """Return some rows; counts of NaN stay those of columns that still have gaps."""
        return replace(
            self,
            columns={name: values[rows] for name, values in self.columns.items()},
            words={
                name: Words(word.labels, word.codes[rows])
                for name, word in self.words.items()
            },
            breaks=(),
            rows=int(rows.sum()),
        )


def frame_of(rows: Sequence[Mapping[str, float]]) -> Frame:
    """Return rows that each carry some numbers as a frame."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {
        name: np.array([row.get(name, np.nan) for row in rows], dtype=np.float64)
        for name in names
    }
    bad = {
        name: sum(name in row and not np.isfinite(row[name]) for row in rows)
        for name in names
    }
    return Frame(columns, bad, names=frozenset(names), rows=len(rows))


class Columns:
    """Collect a file's columns block by block."""

    def __init__(self) -> None:
        self.rows = 0
        """Rows so far."""
        self.names: dict[str, None] = {}
        """Names so far, in their order."""
        self.unread: dict[str, Unread] = {}
        """Columns with cells that are no numbers."""
        self.too_long = 0
        """Rows with more cells than the header."""
        self.dotted = frozenset[str]()
        """Columns in which dots may group thousands."""
        self.notes: list[str] = []
        """What of the file could not be read."""
        self.breaks: list[int] = []
        """Rows before which the header was repeated."""
        self._parts: dict[str, list[tuple[int, Array]]] = {}
        self._bad: dict[str, int] = {}
        self._words: dict[str, list[tuple[int, Sequence[str | None]]]] = {}

    def add(self, name: str, values: Array, bad: int = 0) -> None:
        """Add a column of the block that begins at ``rows``; ``bad`` were logged as NaN."""
        self._parts.setdefault(name, []).append((self.rows, values))
        bad += int(np.isinf(values).sum())
        if bad:
            self._bad[name] = self._bad.get(name, 0) + bad

    def end_too_soon(self) -> None:
        """Note that the compressed file ends too soon, after the rows so far."""
        self.notes.append(
            f"what follows row {self.rows:,}: the compressed file ends too soon"
        )

    def refuse(self, name: str, row: int, cell: object) -> None:
        """Remember that a cell of the block that begins at ``rows`` is no number."""
        first = self.unread.get(name)
        self.unread[name] = (
            Unread(f"row {self.rows + row + 1}: {cell!r:.40}")
            if first is None
            else replace(first, cells=first.cells + 1)
        )

    def take(self, block: Block) -> None:
        """Add a whole block."""
        self.names |= dict.fromkeys(block.names)
        for name, (values, bad) in block.columns.items():
            self.add(name, values, bad)
        for name, words in block.words.items():
            self.say(name, words)
        self.rows += block.rows

    def say(self, name: str, words: Sequence[str | None]) -> None:
        """Add a column of words."""
        self._words.setdefault(name, []).append((self.rows, words))

    def frame(self) -> Frame:
        """Return all blocks as one frame."""
        columns = {n: _dense(parts, self.rows) for n, parts in self._parts.items()}
        return Frame(
            columns,
            {
                n: logged
                for n, bad in self._bad.items()
                if (logged := _logged(columns[n], bad))
            },
            dict(self._told()),
            self.unread,
            self.too_long,
            self.dotted,
            tuple(self.notes),
            frozenset(self.names),
            tuple(self.breaks),
            self.rows,
        )

    def _told(self) -> Iterator[tuple[str, Words]]:
        """Yield the columns of words with few distinct ones."""
        for name, parts in self._words.items():
            labels: dict[str, int] = {}
            codes = np.full(self.rows, -1, dtype=np.int64)
            for begin, words in parts:
                found = [
                    -1 if w is None else labels.setdefault(w, len(labels))
                    for w in words
                ]
                codes[begin : begin + len(found)] = found
            if len(labels) <= NO_WORDS:
                yield name, Words(tuple(labels), codes)


def _dense(parts: Sequence[tuple[int, Array]], rows: int) -> Array:
    """Return a column's blocks in their places, NaN elsewhere."""
    if len(parts) == 1 and len(parts[0][1]) == rows:
        return parts[0][1]
    whole = np.full(rows, np.nan)
    for begin, values in parts:
        whole[begin : begin + len(values)] = values
    return whole


def _logged(values: Array, bad: int) -> int:
    """Return how many NaN and infinities of a column were logged, of those written.

    Histories of W&B write NaN in each row that holds other signals. A column that has NaN
    in a third of its rows, here and there, has gaps; a longer row of them at its end was
    logged.
    """
    infinite = int(np.isinf(values).sum())
    have = np.flatnonzero(~np.isnan(values))
    runs = np.diff(have)[np.diff(have) > 1] - 1
    if len(runs) < _GAPS or runs.sum() < (have[-1] - have[0]) / 3 or bad == infinite:
        return bad
    tail = len(values) - 1 - int(have[-1])
    return infinite + (min(tail, bad - infinite) if tail > 3 * runs.max() else 0)

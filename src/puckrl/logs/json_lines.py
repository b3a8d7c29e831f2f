"""Read JSON lines by columns: puckrl's metrics.jsonl, RLlib's result.json, Dreamer's log."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from puckrl.core.errors import UserError
from puckrl.logs import bulk
from puckrl.logs.cells import is_gap, number
from puckrl.logs.delimited import Wanted
from puckrl.logs.frame import Columns, Frame
from puckrl.logs.json_document import rows_of
from puckrl.logs.text import blocks

_BULK = 1 << 20  # bytes of a block that are worth loading polars for
_DEPTH = 20
_NAMES, _NAME = 5000, 200  # names, letters of a name


def read_lines(path: Path, wanted: Wanted, told: Wanted = lambda name: False) -> Frame:
    """Return a file of JSON objects as a frame: one a line, or one document; null is NaN.

    Names of nested numbers are joined by "/". Leaves out rows of puckrl's doctor, which
    no new verdict may rest on, and a half-written last line.

    Args:
        path: the file.
        wanted: which names to convert to numbers.
        told: which names to keep as words.

    Raises:
        UserError: if a line is no JSON object.
    """
    found, line = Columns(), 0
    if (whole := rows_of(path)) is not None:
        _block(path, whole, 0, found, wanted, told)
        return found.frame()
    for block in blocks(path, on_cut=found.end_too_soon):
        done = bulk.lines(block, wanted) if len(block) >= _BULK else None
        if done and not any(told(n) or n == "doctor/phase" for n in done.names):
            found.take(done)
            line += block.count(b"\n")
        else:
            line = _block(path, block, line, found, wanted, told)
    return found.frame()


def _block(
    path: Path,
    block: bytes,
    line: int,
    found: Columns,
    wanted: Wanted,
    told: Wanted,
) -> int:
    """Add the objects of a block; return the number of its last line."""
    rows = list(_objects(path, block, line))
    at: dict[str, list[tuple[int, Any]]] = {}
    for i, row in enumerate(rows):
        for name, value in row.items():
            at.setdefault(name, []).append((i, value))
    found.names |= dict.fromkeys(at)
    if len(found.names) > _NAMES:
        raise UserError(f"{path} has more than {_NAMES:,} names; it is no log")
    for name, pairs in at.items():
        if told(name):
            words: list[str | None] = [None] * len(rows)
            for i, value in pairs:
                words[i] = None if value is None else str(value)
            found.say(name, words)
        if wanted(name):
            _convert(name, pairs, len(rows), found)
    found.rows += len(rows)
    return line + block.count(b"\n")


def _convert(
    name: str, pairs: list[tuple[int, Any]], rows: int, found: Columns
) -> None:
    """Add a name's values as numbers; remember the first that is none."""
    values, bad = np.full(rows, np.nan), 0
    for i, value in pairs:
        known = _number(value)
        if known is None:
            found.refuse(name, i, value)
        else:
            values[i] = known
            bad += math.isnan(known) and not (isinstance(value, str) and is_gap(value))
    found.add(name, values, bad)


def _number(value: Any) -> float | None:
    """Return a JSON value as a number, None for what is none."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        return number(value)
    if isinstance(value, list) and len(value) == 1:
        return _number(value[0])
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _objects(path: Path, block: bytes, line: int) -> Iterator[dict[str, Any]]:
    """Yield the flat objects of a block, without the doctor's own rows."""
    complete = block.endswith(b"\n")
    texts = block.decode(errors="replace").split("\n")
    for number_, text in enumerate(texts, start=line + 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
            flat = _flat(row) if isinstance(row, dict) else None
        except (ValueError, RecursionError):
            if number_ - line == len(texts) and not complete:
                return
            flat = None
        if flat is None:
            raise UserError(
                f"{path}, line {number_} is no JSON object: {text[:40]!r}; remove it"
            )
        if not isinstance(flat.get("doctor/phase"), str):
            yield flat


def _flat(row: Mapping[str, Any], before: str = "", depth: int = 0) -> dict[str, Any]:
    """Return an object with nested names joined by "/", down to a depth."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and depth < _DEPTH:
            flat |= _flat(value, f"{before}{name}/", depth + 1)
        else:
            flat[(before + name)[:_NAME]] = value
    return flat

"""Read metrics.jsonl: rows of numbers, the verdict's history, times to a threshold."""

import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from puckrl.core.errors import UserError
from puckrl.monitor.signals import RENAMED
from puckrl.training.sinks import LogRow, VerdictRow

_BLOCK = 1 << 16  # bytes that are read at a time, from the end


def read_rows(path: Path) -> list[LogRow]:
    """Return the numbers of a metrics.jsonl; null is NaN.

    Leaves out the doctor's verdicts, which no new verdict may rest on, and a half-written
    last line. Metrics of older versions get their present names.

    Raises:
        UserError: if there is no such file, or a line is no JSON object of numbers.
    """
    rows: list[LogRow] = []
    for number, line in _lines(path):
        if _is_verdict(line):
            continue
        row = _numbers(line)
        if "env_steps" in line and "env_steps" not in row:
            raise UserError(
                f"{path}, line {number}: env_steps is no number: {line['env_steps']!r}"
            )
        rows.append(row)
    return rows


def read_verdicts(path: Path) -> list[VerdictRow]:
    """Return the doctor's verdicts in a metrics.jsonl, oldest first.

    Empty for a run of a version that did not log them.

    Raises:
        UserError: if there is no such file, or a line is no JSON object.
    """
    return [cast(VerdictRow, line) for _, line in _lines(path) if _is_verdict(line)]


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line's number and its JSON object; drop a half-written last line."""
    if not path.is_file():
        raise UserError(f"no metrics at {path}; is this a run folder?")
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, text in enumerate(lines, start=1):
        try:
            line = json.loads(text)
        except ValueError:
            if number == len(lines):
                return
            line = None
        if not isinstance(line, dict):
            raise UserError(
                f"{path}, line {number} is no JSON object: {text[:40]!r}; remove it"
            )
        yield number, cast(dict[str, Any], line)


class Newest(NamedTuple):
    """Hold the last row of each kind in a metrics.jsonl; None where there is none."""

    clock: LogRow | None
    """Numbers of the last row."""
    evaluation: LogRow | None
    """Numbers of the last evaluation."""
    verdict: VerdictRow | None
    """The doctor's verdict on it or on a later one."""


def read_newest(path: Path) -> Newest:
    """Return the last rows of a metrics.jsonl; read no more of it than that takes.

    Raises:
        UserError: if a line is no JSON object.
        OSError: if the file cannot be read.
    """
    clock = evaluation = verdict = None
    for line in _from_the_end(path):
        if _is_verdict(line):
            verdict = verdict or cast(VerdictRow, line)
            continue
        clock = clock or _numbers(line)
        if "eval/success" in line or "eval/return" in line:
            evaluation = _numbers(line)
            break  # its verdict stands behind it
    return Newest(clock, evaluation, verdict)


def _from_the_end(path: Path) -> Iterator[dict[str, Any]]:
    """Yield JSON objects, the last line first; skip a half-written last line."""
    with path.open("rb") as file:
        start, rest, newest = file.seek(0, os.SEEK_END), b"", True
        while start:
            size = min(start, _BLOCK)
            start = file.seek(start - size)
            first, *lines = (file.read(size) + rest).split(b"\n")
            rest = first
            for text in reversed(lines if start else [first, *lines]):
                if not text.strip():
                    continue
                yield from _parsed(path, text, newest=newest)
                newest = False


def _parsed(path: Path, text: bytes, *, newest: bool) -> Iterator[dict[str, Any]]:
    """Yield the object of a line; nothing for a newest line that is half-written."""
    try:
        line = json.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        if newest:
            return
        line = None
    if not isinstance(line, dict):
        shown = text[:40].decode(errors="replace")
        raise UserError(f"{path}: a line is no JSON object: {shown!r}; remove it")
    yield cast(dict[str, Any], line)


def _is_verdict(line: dict[str, Any]) -> bool:
    """Return whether a line is a ``VerdictRow``: no other row says a phase in words."""
    return isinstance(line.get("doctor/phase"), str)


def _numbers(line: dict[str, Any]) -> LogRow:
    """Return the numbers of a line by their present names, without words and lists."""
    known = {name: math.nan if v is None else v for name, v in line.items()}
    return {
        RENAMED.get(name, name): _float(v)
        for name, v in known.items()
        if isinstance(v, int | float)
    }


def _float(number: float) -> float:
    """Return an integer of any size as a float; inf where no float can hold it."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def first_reach(rows: Sequence[LogRow], success: float) -> LogRow | None:
    """Return the first evaluation at or above a success rate, None if there is none."""
    judged = (row for row in rows if row.get("eval/success", -1.0) >= success)
    return next(judged, None)

"""Read metrics.jsonl: rows of numbers, the verdict's history, times to a threshold."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from puckrl.core.errors import UserError
from puckrl.monitor.signals import RENAMED
from puckrl.training.sinks import LogRow, VerdictRow


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

"""Logged rows -> tidy tables and times to a threshold."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from puckrl.core.errors import UserError
from puckrl.training.sinks import LogRow


def read_rows(path: Path) -> list[LogRow]:
    """The rows of a metrics.jsonl; null is NaN, and a half-written last line is left out.

    Raises:
        UserError: if there is no such file, or a line is no JSON object of numbers.
    """
    if not path.is_file():
        raise UserError(f"no metrics at {path}; is this a run folder?")
    rows: list[LogRow] = []
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError:
            if number == len(lines):
                break
            row = None
        if not isinstance(row, dict):
            raise UserError(
                f"{path}, line {number} is no JSON object: {line[:40]!r}; remove it"
            )
        numbers = _numbers(row)
        if "env_steps" in row and "env_steps" not in numbers:
            raise UserError(
                f"{path}, line {number}: env_steps is no number: {row['env_steps']!r}"
            )
        rows.append(numbers)
    return rows


def _numbers(row: dict[str, Any]) -> LogRow:
    """What of a line is a number; words and lists are not."""
    known = {name: math.nan if v is None else v for name, v in row.items()}
    return {name: _float(v) for name, v in known.items() if isinstance(v, int | float)}


def _float(number: float) -> float:
    """An integer of any size; what no float holds is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def column(
    rows: Sequence[LogRow], name: str, over: str = "env_steps"
) -> tuple[list[float], list[float]]:
    """One number over a clock, from the rows that carry it; NaN and inf are skipped."""
    have = [
        row for row in rows if over in row and math.isfinite(row.get(name, math.nan))
    ]
    return [row[over] for row in have], [row[name] for row in have]


def first_reach(rows: Sequence[LogRow], success: float) -> LogRow | None:
    """The first evaluation at or above a success rate, None if there is none."""
    judged = (row for row in rows if row.get("eval/success", -1.0) >= success)
    return next(judged, None)

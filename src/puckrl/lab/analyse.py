"""Logged rows -> tidy tables and times to a threshold."""

import json
from collections.abc import Sequence
from pathlib import Path

from puckrl.core.errors import UserError
from puckrl.train.sinks import Row


def read_rows(path: Path) -> list[Row]:
    """The rows of a metrics.jsonl; a half-written last line is left out.

    Raises:
        UserError: if there is no such file, or a line in the middle is no JSON.
    """
    if not path.is_file():
        raise UserError(f"no metrics at {path}; is this a run folder?")
    rows: list[Row] = []
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                raise UserError(
                    f"{path}, line {number} is no JSON: {line[:40]!r}"
                ) from error
    return rows


def column(
    rows: Sequence[Row], name: str, over: str = "env_steps"
) -> tuple[list[float], list[float]]:
    """One number over a clock, from the rows that carry it."""
    have = [row for row in rows if name in row and over in row]
    return [row[over] for row in have], [row[name] for row in have]


def first_reach(rows: Sequence[Row], success: float) -> Row | None:
    """The first evaluation at or above a success rate, None if there is none."""
    judged = (row for row in rows if row.get("eval/success", -1.0) >= success)
    return next(judged, None)

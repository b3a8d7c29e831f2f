"""Read all rows of a run of ours that somebody looks at."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from puckrl.monitor.table import Array
from puckrl.report.appended import Appended
from puckrl.web.growing import Growing


class WholeLog:
    """Hold all rows of a metrics.jsonl, and go on where it grows.

    Args:
        path: the log, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.table = Growing()
        """Rows of numbers, in the order of writing."""
        self._log = Appended(path)

    def look(self) -> None:
        """Read the rows that are new.

        Raises:
            OSError: if the log is there and cannot be read.
        """
        while True:
            lines, anew = self._log.read()
            if anew:
                self.table = Growing()
            if not lines:
                return
            self.table.add(_numbers(lines))

    def columns(self) -> dict[str, Array]:
        """Return all columns by env steps, (rows,) each."""
        return in_order(self.table)


def _numbers(lines: bytes) -> Iterator[dict[str, Any]]:
    """Yield the rows of numbers of a log; skip verdicts and lines that are no objects."""
    for line in lines.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and not isinstance(row.get("doctor/phase"), str):
            yield row


def in_order(table: Growing) -> dict[str, Array]:
    """Return the columns by env steps."""
    steps = table.column("env_steps")
    columns = {name: table.column(name) for name in table.names}
    columns["env_steps"] = steps
    if np.all(np.diff(steps) >= 0):
        return columns
    order = np.argsort(steps, kind="stable")
    return {name: values[order] for name, values in columns.items()}

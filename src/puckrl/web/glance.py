"""Follow a run's evaluations and verdicts; skip the rows of training, which are many.

Of a log of 10,000 rows this parses about two hundred: a hundred such runs are seen in a
second, where reading all of their rows takes a quarter of a minute.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from puckrl.report.appended import Appended
from puckrl.web.growing import Growing

_MARKS = (b'"eval/success"', b'"eval/return"', b'"doctor/phase"')


class Glance:
    """Hold what the marked lines of a metrics.jsonl say, and its last line.

    Args:
        path: the log, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._log = Appended(path)
        self._forget()

    def _forget(self) -> None:
        """Begin anew."""
        self.evaluations = Growing()
        """Rows of evaluations."""
        self.verdict: dict[str, Any] = {}
        """Newest ``VerdictRow``; empty before the first."""
        self.clock: dict[str, Any] = {}
        """Last row of numbers, which has all clocks; empty before the first."""
        self.size = 0
        """Bytes that were read."""

    def look(self) -> bool:
        """Read what is new; return whether anything is.

        Raises:
            OSError: if the log is there and cannot be read.
        """
        changed = False
        while True:
            lines, anew = self._log.read()
            if anew:
                self._forget()
            changed = changed or anew or bool(lines)
            if not lines:
                return changed
            self.size += len(lines)
            for row in _parsed(_marked(lines)):
                self._take(row)
            for row in _parsed(_last(lines)):
                if not isinstance(row.get("doctor/phase"), str):
                    self.clock = row

    def _take(self, row: dict[str, Any]) -> None:
        """Take a marked row."""
        if isinstance(row.get("doctor/phase"), str):
            self.verdict = row
        elif "env_steps" in row:
            self.evaluations.add([row])
            self.clock = row


def _marked(block: bytes) -> list[bytes]:
    """Return the lines that hold a mark, in their order."""
    lines: dict[int, bytes] = {}
    for mark in _MARKS:
        at = block.find(mark)
        while at >= 0:
            begin, end = block.rfind(b"\n", 0, at) + 1, block.find(b"\n", at)
            lines[begin] = block[begin:end]
            at = block.find(mark, end)
    return [lines[begin] for begin in sorted(lines)]


def _last(block: bytes) -> list[bytes]:
    """Return the last lines of a block: those of training stand above a verdict."""
    return block[-(1 << 13) :].splitlines()[-3:]


def _parsed(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of lines; skip what is none, which the doctor reports."""
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row

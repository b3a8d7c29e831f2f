"""Follow a run's evaluations and verdicts; skip the rows of training, which are many.

Of a log of 10,000 rows this parses about two hundred: a hundred such runs are seen in a
second, where reading all of their rows takes a quarter of a minute.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from puckrl.report.appended import Appended
from puckrl.web.growing import Growing

_MEASURES = (b'"eval/success"', b'"eval/return"')
_PHASE = "doctor/phase"
_VERDICT = b'"doctor/phase"'
_TAIL = 1 << 13  # bytes in which the last three lines are looked for


class Glance:
    """Hold the evaluations in a metrics.jsonl, its newest verdict and its clocks.

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
        """Last row of numbers: it has all clocks; empty before the first."""
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
            self.evaluations.add(r for r in _parsed(_judged(lines)) if "env_steps" in r)
            for row in _parsed([_line(lines, lines.rfind(_VERDICT))]):
                self.verdict = row
            for row in _parsed(lines[-_TAIL:].splitlines()[-3:]):
                if _PHASE not in row and "env_steps" in row:
                    self.clock = row


def _judged(block: bytes) -> list[bytes]:
    """Return the lines of evaluations, in their order."""
    for measure in _MEASURES:
        found, at = list[bytes](), block.find(measure)
        while at >= 0:
            found.append(_line(block, at))
            at = block.find(measure, block.find(b"\n", at))
        if found:
            return found
    return []


def _line(block: bytes, at: int) -> bytes:
    """Return the line around a place; nothing for a place of -1."""
    return block[block.rfind(b"\n", 0, at) + 1 : block.find(b"\n", at)] * (at >= 0)


def _parsed(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of lines; skip what is none, which the doctor reports."""
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row

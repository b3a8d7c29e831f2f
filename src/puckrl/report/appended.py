"""Read what is appended to a log, and no line twice."""

import os
from pathlib import Path
from typing import NamedTuple

_MOST = 1 << 23  # bytes that are read at a time


class Piece(NamedTuple):
    """Hold whole lines that were appended since the last look."""

    lines: bytes
    """Whole lines; empty if there are none."""
    anew: bool
    """Whether the file was cut, replaced or removed: what was read before is void."""


class Appended:
    """Follow a file that grows line by line, such as metrics.jsonl.

    A run that resumes replaces its log by a shorter one: then it is read from its start.

    Args:
        path: the file, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_to = 0
        self._file: tuple[int, int] | None = None  # device and inode

    def read(self, most: int = _MOST) -> Piece:
        """Return whole lines since the last look; a half-written one waits for the next.

        Args:
            most: bytes to read at once; a longer line is read as a whole.

        Raises:
            OSError: if the file is there and cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                end = file.seek(0, 2)
                anew = self._is_another(file.fileno(), end)
                if anew:
                    self._read_to = 0
                if end == self._read_to:
                    return Piece(b"", anew)
                file.seek(self._read_to)
                new = file.read(most)
                if b"\n" not in new:
                    new += file.readline()
        except (FileNotFoundError, NotADirectoryError):
            anew, self._read_to, self._file = self._read_to > 0, 0, None
            return Piece(b"", anew)
        whole = new[: new.rfind(b"\n") + 1]
        self._read_to += len(whole)
        return Piece(whole, anew)

    def _is_another(self, descriptor: int, size: int) -> bool:
        """Return whether the open file is not the one that was read, or was cut."""
        about = os.fstat(descriptor)
        now, before = (about.st_dev, about.st_ino), self._file
        self._file = now
        return before is not None and (before != now or size < self._read_to)

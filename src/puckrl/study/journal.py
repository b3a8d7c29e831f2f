"""Append to a journal that survives a kill and a full disk at any moment.

Each line is a JSON object with a checksum of itself. A line that was cut, by a kill or by
a full disk, fails its checksum and is not read; the next writer begins a new line first.
"""

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

_CHECK = "check"


@dataclass(frozen=True)
class Entries:
    """Hold what a journal says."""

    entries: tuple[Mapping[str, Any], ...]
    """Whole lines, in the order of writing."""
    damaged: int
    """Number of lines that were cut or changed, and are not believed."""


class Journal:
    """Append entries to a file; only one process may do so at a time.

    Args:
        path: the file; it is created with the first entry.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, **entry: object) -> None:
        """Write an entry, with the time, and wait until the disk has it.

        Raises:
            OSError: if it cannot be written. What was written before is intact.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        # As it will be read back, with lists for tuples: the checksum is of that
        body = json.loads(json.dumps({"time": now, **entry}))
        line = json.dumps({**body, _CHECK: _checksum(body)}).encode() + b"\n"
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            if not _ends_a_line(file):
                line = b"\n" + line
            while line:
                line = line[os.write(file, line) :]
            os.fsync(file)
        finally:
            os.close(file)

    def read(self) -> Entries:
        """Return what the journal says; nothing if there is no file."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return Entries((), 0)
        found = [_entry(line) for line in lines if line.strip()]
        whole = tuple(entry for entry in found if entry is not None)
        return Entries(whole, len(found) - len(whole))


def _ends_a_line(file: int) -> bool:
    """Return whether a file is empty or ends with a line's end."""
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def _entry(line: bytes) -> Mapping[str, Any] | None:
    """Return a line's entry, None if the line is not whole."""
    try:
        read = json.loads(line)
    except ValueError:
        return None
    if not isinstance(read, dict):
        return None
    body = cast(dict[str, Any], read)
    check = body.pop(_CHECK, None)
    return body if check == _checksum(body) else None


def _checksum(body: Mapping[str, Any]) -> str:
    """Return the CRC-32 of an entry as eight hex digits."""
    return f"{zlib.crc32(json.dumps(body, sort_keys=True).encode()):08x}"

"""Make output that cannot be written an error in one line, never a traceback."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from puckrl.core.errors import UserError


class OutputError(UserError):
    """What puck prints cannot be written."""


class ReaderLeft(OutputError):
    """The reader of a pipe has closed it, as ``| head`` does."""


class _Stream:
    """A text stream whose errors are ``OutputError``; after the first one it is silent."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._broken = stream, False

    def write(self, text: str) -> int:
        """Write text, unless an earlier write has failed."""
        if not self._broken:
            with self._told():
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        if not self._broken:
            with self._told():
                self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn an error of the system inside into ``OutputError``."""
        try:
            yield
        except OSError as error:
            self._broken = True
            # Python tries once more at its end, and would print a traceback
            with suppress(OSError, ValueError):
                _to_nowhere(self._stream.fileno())
            if isinstance(error, BrokenPipeError):
                text = "the reader of the output has closed it"
                raise ReaderLeft(text) from error
            raise OutputError(f"cannot write the output: {error.strerror}") from error


@contextmanager
def checked() -> Iterator[None]:
    """Check what is written to stdout, in a ``with`` block.

    Raises:
        OutputError: if stdout is closed, or cannot be written.
    """
    for number in (0, 1, 2):  # or the next file to be opened would take its place
        try:
            os.fstat(number)
        except OSError:
            _to_nowhere(number)
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks γ or ≥
            stream.reconfigure(errors="replace")
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise OutputError("the output is closed; to discard it, write: > /dev/null")
    stream, before = cast(TextIO, _Stream(sys.stdout)), sys.stdout
    sys.stdout = stream
    try:
        yield
        stream.flush()
    except SystemExit:  # help
        stream.flush()
        raise
    finally:
        sys.stdout = before


def _to_nowhere(number: int) -> None:
    """Let a file descriptor discard what is written to it."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def say(words: str) -> None:
    """Print a line to stderr, if it can be written."""
    try:
        print(f"puck: {' '.join(words.splitlines())}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _to_nowhere(2)

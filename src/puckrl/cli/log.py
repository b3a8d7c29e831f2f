"""Print log records, and errors of threads, as lines."""

import logging
import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.logging import RichHandler

from puckrl.cli.output import OutputError, say
from puckrl.core.errors import first_line


class _Handler(RichHandler):
    """Raise what cannot be written, where logging would print a traceback and go on."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Raise ``OutputError``."""
        if isinstance(sys.exception(), OutputError):
            raise  # noqa: PLE0704  logging calls this while it handles the error
        super().handleError(record)


@contextmanager
def printed(console: Console) -> Generator[None]:
    """Print, in a ``with`` block, what the first process logs, and errors of the others."""
    logging.basicConfig(
        # as core/team.py reads it, which loads torch: the doctor needs none
        level=logging.INFO if os.environ.get("RANK", "0") == "0" else logging.ERROR,
        format="%(message)s",
        handlers=[_Handler(console=console, show_time=False, show_path=False)],
    )
    before, threading.excepthook = threading.excepthook, _tell
    try:
        yield
    finally:
        threading.excepthook = before


def _tell(args: threading.ExceptHookArgs) -> None:
    """Print a line, unless the thread hands its error on, as TensorBoard's does."""
    if type(args.thread).__module__.startswith("tensorboard"):
        return  # its next write raises the error
    error = args.exc_value or args.exc_type()
    say(f"a thread failed: {type(error).__name__}: {first_line(error)}")

"""Define the errors that users see, exit codes, and other libraries' errors in one line."""

import ast
import re
import signal
from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum
from pathlib import Path
from typing import ClassVar


class Exit(IntEnum):
    """Exit codes of ``puck``; README.md explains them to scripts."""

    DONE = 0
    NOT_SANE = 1
    REFUSED = 2
    SICK = 3
    FAILED = 4
    BUG = 70  # EX_SOFTWARE of sysexits.h


LESS_MEMORY = (
    "lower --sim.num-worlds, --agent.batch-size, --agent.hidden or --replay.capacity, or "
    "keep images in main memory: --replay.frames-on cpu"
)
"""What to do about a run that lacks memory."""


class UserError(Exception):
    """Bad input: one line that says what is wrong, what is legal, what to do.

    The command line prints the message without a traceback and exits with ``exit_code``.
    """

    exit_code: ClassVar[int] = Exit.REFUSED


class RunFailed(UserError):
    """A run that trained and then stopped for an external reason; ``--resume`` continues it."""

    exit_code: ClassVar[int] = Exit.FAILED


class Interrupted(KeyboardInterrupt):
    """A signal that asks this process to end now.

    Args:
        number: the signal, SIGINT or SIGTERM.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = exit_code_of(number)


def exit_code_of(number: int) -> int:
    """Return the exit code that shells give to a process ended by a signal."""
    return 128 + number


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type's name if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def said(error: BaseException) -> str:
    """Return the whole message of an error in one line, or its type's name if it has none."""
    lines = (" ".join(line.split()) for line in str(error).splitlines())
    return "; ".join(line for line in lines if line) or type(error).__name__


def unknown(
    kind: str, name: str, legal: Iterable[str], listed_by: str = ""
) -> UserError:
    """Return the error for an unknown name: the closest legal one, then all of them.

    Args:
        kind: what the name is of.
        name: as it was given.
        legal: all names.
        listed_by: the words to say in place of many names.
    """
    names = sorted(legal)
    close = get_close_matches(name, names, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    listed = f"{' Legal' if meant else '; legal'}: {listed_by or ', '.join(names)}"
    return UserError(f"unknown {kind} {name!r}{meant}{listed}")


def class_missing(name: str, kind: str = "task") -> UserError | None:
    """Return the error for a Python file that is named without a class; None if it is none."""
    path = Path(name)
    if path.suffix != ".py":
        return None
    if not path.is_file():
        return UserError(f"no file {name!r}; write path/to/file.py:ClassName")
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):  # whoever runs it says what is wrong
        return UserError(f"{name!r} names no {kind}; append :ClassName")
    classes = [part.name for part in tree.body if isinstance(part, ast.ClassDef)]
    return UserError(
        f"{name!r} names no {kind}; append :ClassName; classes there: "
        f"{', '.join(classes) or 'none'}"
    )


def outside_reason(error: BaseException) -> str | None:
    """Return an error of the system or of memory as words; None for any other error."""
    if isinstance(error, OSError):
        what = error.strerror or first_line(error)
        return f"{what}: {error.filename}" if error.filename else what
    return out_of_memory(error)


def out_of_memory(error: BaseException) -> str | None:
    """Return a message if Python, torch or Warp is out of memory, None for other errors."""
    asked = re.search(
        r"(?:[Tt]ried|[Ff]ailed|[Uu]nable) to allocate ([\d.]+) ?(\w+)", str(error)
    )
    if not asked and not (isinstance(error, MemoryError) or "bad_alloc" in str(error)):
        return None
    if not asked:
        return "no memory"
    size, unit = asked.groups()
    told = f"{int(size) / 1e9:,.1f} GB" if unit == "bytes" else f"{size} {unit}"
    return f"no memory for {told} more"

"""Define the error that users see, and turn errors of other libraries into one line."""

import re
from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Bad input: one line that says what is wrong, what is legal, what to do.

    The command line prints the message without a traceback and exits with 2.
    """


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type's name if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def said(error: BaseException) -> str:
    """Return the whole message of an error in one line, or its type's name if it has none."""
    lines = (" ".join(line.split()) for line in str(error).splitlines())
    return "; ".join(line for line in lines if line) or type(error).__name__


def unknown(kind: str, name: str, legal: Iterable[str]) -> UserError:
    """Return the error for an unknown name, with the legal names and the closest one."""
    names = sorted(legal)
    close = get_close_matches(name, names, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return UserError(f"unknown {kind} {name!r}; legal: {', '.join(names)}{meant}")


def out_of_memory(error: Exception) -> str | None:
    """Return a message if Python, torch or Warp is out of memory, None for other errors."""
    asked = re.search(r"(?:[Tt]ried|[Ff]ailed) to allocate ([\d.]+) ?(\w+)", str(error))
    if not asked and not isinstance(error, MemoryError):
        return None
    amount = ""
    if asked:
        size, unit = asked.groups()
        told = f"{int(size) / 1e9:,.1f} GB" if unit == "bytes" else f"{size} {unit}"
        amount = f" for {told} more"
    return (
        f"no memory{amount}; lower --sim.num-worlds, --agent.batch-size, --agent.hidden or "
        "--replay.capacity, or keep images in main memory: --replay.frames-on cpu"
    )

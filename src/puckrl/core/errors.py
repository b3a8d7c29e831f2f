"""The one exception that is meant for the person at the keyboard."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Bad input: one line that says what is wrong, what is legal, what to do.

    The command line prints the message without a traceback and exits with 2.
    """


def unknown(kind: str, name: str, legal: Iterable[str]) -> UserError:
    """The error for a name outside a closed set: the legal names, and the likeliest."""
    names = sorted(legal)
    close = get_close_matches(name, names, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return UserError(f"unknown {kind} {name!r}; legal: {', '.join(names)}{meant}")

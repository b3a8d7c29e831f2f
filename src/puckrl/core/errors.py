"""The one exception that is meant for the person at the keyboard."""

from collections.abc import Iterable


class UserError(Exception):
    """Bad input: one line that says what is wrong, what is legal, what to do.

    The command line prints the message without a traceback and exits with 2.
    """


def unknown(kind: str, name: str, legal: Iterable[str]) -> UserError:
    """The error for a name outside a closed set, listing the legal names."""
    return UserError(f"unknown {kind} {name!r}; legal: {', '.join(sorted(legal))}")

"""Status of a run, for its display, and what interrupts it."""

from collections.abc import Callable
from enum import Enum


class Status(Enum):
    """What a run is doing now; the value is the text to display."""

    WARMING_UP = "warming up"
    COLLECTING = "collecting"
    COMPILING = "compiling"
    LEARNING = "learning"
    EVALUATING = "evaluating"
    SAVING = "saving"
    STOPPING = "stopping after this iteration; ctrl-C again ends it now"
    ENDED = "ended"


class CompilationInterrupted(KeyboardInterrupt):
    """The user does not want to wait for the compiler: give it up, and stop."""


Report = Callable[[Status], None]
"""Called when the status changes."""


def report_nothing(status: Status) -> None:
    """Ignore the status."""

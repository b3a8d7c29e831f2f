"""Ctrl-C and SIGTERM: end at once, or, while a run trains, after the present iteration."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from puckrl.core.errors import Interrupted
from puckrl.training.status import CompilationInterrupted, Report, Status

_CAUGHT = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """What SIGINT and SIGTERM have asked of this process.

    A signal raises ``Interrupted``. Inside ``patient`` the first one only asks, and a
    compilation, which takes long, is given up for it.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        """The first signal that has arrived, if any."""
        self.patient_once = False
        """Whether ``patient`` has been entered: the run has begun to train."""
        self._report: Report | None = None
        self._compiling = False

    @property
    def name(self) -> str | None:
        """Name of the first signal; None if there was none."""
        return None if self.number is None else signal.Signals(self.number).name

    @contextmanager
    def patient(self, report: Report, *, alone: bool = True) -> Iterator[Report]:
        """Let the first signal only ask, and ``report`` it, in a ``with`` block.

        Args:
            report: is called when the status changes.
            alone: whether no other process waits for the compiled round.

        Yields:
            What the loop is to call in place of ``report``.
        """

        def watched(status: Status) -> None:
            self._compiling = alone and status is Status.COMPILING
            report(status)

        self.patient_once, self._report = True, report
        try:
            yield watched
        finally:
            self._report = None

    def handle(self, number: int, frame: FrameType | None = None) -> None:
        """Answer a signal."""
        asked_before = self.number is not None
        self.number = self.number or number
        if asked_before or self._report is None:
            raise Interrupted(number)
        with suppress(
            RuntimeError
        ):  # the signal came while the same stream was written
            self._report(Status.STOPPING)
        if self._compiling:
            raise CompilationInterrupted


@contextmanager
def caught() -> Iterator[Signals]:
    """Answer SIGINT and SIGTERM as ``Signals`` says, if this is the main thread.

    Raises:
        Interrupted: for a signal; also if something in its way has turned it into an error
            of its own, as an import does.
    """
    signals = Signals()
    in_main = threading.current_thread() is threading.main_thread()
    before = {
        number: signal.signal(number, signals.handle)
        for number in (_CAUGHT if in_main else ())
    }
    try:
        yield signals
    except Exception as error:
        if signals.number is None or signals.patient_once:
            raise
        raise Interrupted(signals.number) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

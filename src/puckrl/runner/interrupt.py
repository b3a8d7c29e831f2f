"""Ctrl-C and SIGTERM, turned into a question that the loop asks."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from puckrl.training.status import Report, Status


@contextmanager
def interruptible(report: Report) -> Iterator[Callable[[], bool]]:
    """Catch ctrl-C and SIGTERM; a second one raises ``KeyboardInterrupt``.

    Yields:
        A function that tells whether the first one has arrived.
    """
    received: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        report(Status.STOPPING)

    in_main = threading.current_thread() is threading.main_thread()
    caught = (signal.SIGINT, signal.SIGTERM) if in_main else ()
    before = {number: signal.signal(number, ask) for number in caught}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Record when each part of a command began and ended, for ``puck train --profile``.

A timeline is written in Chrome's trace event format, which chrome://tracing and Perfetto
draw: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
"""

import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Span:
    """A part of a command; seconds of ``time.perf_counter``."""

    name: str
    begin: float
    end: float
    thread: str
    """Name of the thread that it ran in."""


_recording = threading.Event()
_spans: list[Span] = []
_command: ContextVar[float | None] = ContextVar("command", default=None)


@contextmanager
def command(began: float | None = None) -> Generator[float]:
    """Count the ``with`` block as one command, or as a part of the command around it.

    Args:
        began: when the command began, on the clock of ``time.perf_counter``; None: now.

    Yields:
        When the command began: the one around the block, if there is one.
    """
    known = _command.get()
    if known is not None:
        yield known
        return
    now = time.perf_counter() if began is None else began
    token = _command.set(now)
    try:
        yield now
    finally:
        _command.reset(token)


def record() -> None:
    """Record from now on what ``span`` marks, and Python's own start."""
    _spans.clear()
    _recording.set()
    add("start of Python", process_began(), time.perf_counter())


@contextmanager
def span(name: str) -> Generator[None]:
    """Record the ``with`` block as a part of the command, if anything is recorded."""
    began = time.perf_counter()
    try:
        yield
    finally:
        add(name, began, time.perf_counter())


def add(name: str, begin: float, end: float) -> None:
    """Record a part that is over, if anything is recorded."""
    if _recording.is_set():
        _spans.append(Span(name, begin, end, threading.current_thread().name))


def recorded() -> list[Span] | None:
    """Return what is recorded so far; None if nothing is to be."""
    return list(_spans) if _recording.is_set() else None


def process_began() -> float:
    """Return when this process began, on the clock of ``time.perf_counter``.

    Where the system does not tell, that is now.
    """
    now = time.perf_counter()
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        began = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # since the system's start
        return now - max(time.clock_gettime(time.CLOCK_BOOTTIME) - began, 0.0)
    except (AttributeError, IndexError, OSError, ValueError):
        return now


def seconds_apart(spans: list[Span]) -> dict[str, float]:
    """Return the seconds of each part by name, without those of parts inside it.

    All spans must be of one thread, where they lie inside or beside each other.
    """
    apart: dict[str, float] = defaultdict(float)
    open_: list[Span] = []
    for now in sorted(spans, key=lambda s: (s.begin, -s.end)):
        while open_ and open_[-1].end <= now.begin:
            open_.pop()
        if open_:
            apart[open_[-1].name] -= now.end - now.begin
        apart[now.name] += now.end - now.begin
        open_.append(now)
    return dict(apart)


def as_table(spans: list[Span], end: float) -> list[tuple[str, float, float]]:
    """Return what took the time from the process's start to ``end``, longest first.

    Returns:
        Name, seconds, share of the whole; the last is what no part holds. Parts that ran
        in other threads than the first are named so, and do not count as part of the whole.
    """
    begin = min(span.begin for span in spans)
    main = threading.main_thread().name
    whole = end - begin
    apart = seconds_apart([span for span in spans if span.thread == main])
    rows = sorted(apart.items(), key=lambda item: -item[1])
    rows.append(("the rest", whole - sum(apart.values())))
    for thread in dict.fromkeys(s.thread for s in spans if s.thread != main):
        beside = seconds_apart([span for span in spans if span.thread == thread])
        rows += [(f"beside: {name}", s) for name, s in beside.items()]
    return [(name, seconds, seconds / whole) for name, seconds in rows]


def write_trace(spans: list[Span], file: Path) -> None:
    """Write spans in Chrome's trace event format; times are microseconds."""
    origin = min(span.begin for span in spans)
    threads = {name: i for i, name in enumerate(dict.fromkeys(s.thread for s in spans))}
    named = [
        {"name": "thread_name", "ph": "M", "pid": 0, "tid": i, "args": {"name": name}}
        for name, i in threads.items()
    ]
    events = [
        {
            "name": span.name,
            "ph": "X",
            "pid": 0,
            "tid": threads[span.thread],
            "ts": round((span.begin - origin) * 1e6),
            "dur": round((span.end - span.begin) * 1e6),
        }
        for span in spans
    ]
    file.write_text(json.dumps({"traceEvents": named + events}))

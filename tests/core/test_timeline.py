"""Parts of a command: their own seconds by hand, and the trace that a browser draws."""

import json
import threading
import time
from pathlib import Path

import pytest

from puckrl.core import timeline
from puckrl.core.clock import Clock
from puckrl.core.timeline import Span, as_table, seconds_apart, write_trace

MAIN = threading.main_thread().name
SPANS = [
    Span("imports", 1.0, 3.0, MAIN),
    Span("set-up", 3.0, 9.0, MAIN),
    Span("kernels", 4.0, 6.0, MAIN),  # inside set-up
    Span("imports", 4.5, 5.0, MAIN),  # inside kernels
    Span("collect", 9.0, 10.0, MAIN),
    Span("evaluate", 7.0, 10.5, "judge"),
]


@pytest.fixture
def recording():
    """Record a timeline in this test only."""
    timeline.record()
    yield
    timeline._recording.clear()


def test_a_part_does_not_count_what_is_inside_it():
    spans = [span for span in SPANS if span.thread == MAIN]

    assert seconds_apart(spans) == pytest.approx(
        {"imports": 2.5, "set-up": 4.0, "kernels": 1.5, "collect": 1.0}
    )


def test_the_table_adds_up_to_the_whole_and_names_what_ran_beside():
    rows = as_table(SPANS, end=11.0)

    assert [(name, round(s, 6)) for name, s, _ in rows] == [
        ("set-up", 4.0),
        ("imports", 2.5),
        ("kernels", 1.5),
        ("collect", 1.0),
        ("the rest", 1.0),
        ("beside: evaluate", 3.5),
    ]
    of_the_whole = [share for name, _, share in rows if "beside" not in name]
    assert sum(of_the_whole) == pytest.approx(1.0)


def test_the_trace_holds_every_part_in_microseconds(tmp_path: Path):
    write_trace(SPANS, tmp_path / "profile.json")

    events = json.loads((tmp_path / "profile.json").read_text())["traceEvents"]
    parts = [event for event in events if event["ph"] == "X"]
    names = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M"}
    assert [(e["name"], e["ts"], e["dur"]) for e in parts] == [
        (span.name, (span.begin - 1.0) * 1e6, (span.end - span.begin) * 1e6)
        for span in SPANS
    ]
    assert [names[e["tid"]] for e in parts] == [span.thread for span in SPANS]


def test_nothing_is_recorded_unless_asked():
    with timeline.span("imports"):
        pass

    assert timeline.recorded() is None


@pytest.mark.usefixtures("recording")
def test_the_clocks_activities_are_parts_too():
    with Clock().measure("collect"):
        time.sleep(0.01)

    start, collect = timeline.recorded() or []
    assert (start.name, collect.name) == ("start of Python", "collect")
    assert start.begin < start.end <= collect.begin
    assert collect.end - collect.begin >= 0.01


def test_a_command_inside_a_command_is_a_part_of_it() -> None:
    with timeline.command(5.0) as outer, timeline.command() as inner:
        assert outer == inner == 5.0
    with timeline.command() as began:
        assert 0.0 <= time.perf_counter() - began < 1.0

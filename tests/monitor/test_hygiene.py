"""Clocks that betray a second writer."""

import numpy as np
import pytest

from puckrl.monitor.hygiene import Stream, examine


def stream(
    steps: list[float],
    begin_s: float = 0.0,
    name: str = "a",
    tag: str = "x",
    purged: float | None = None,
) -> Stream:
    walls = begin_s + np.arange(len(steps), dtype=np.float64)
    return Stream(name, {tag: np.array(steps, dtype=np.float64)}, {tag: walls}, purged)


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        ([0, 10, 20, 20, 30], None),
        ([0, 10, 20, 30, 0, 10, 20], "contaminated log"),
        ([0, 10, 20, 30, 20, 30, 40], "resumed log"),
        ([0, 10, 0, 20, 10, 30, 20, 40], "contaminated log"),
    ],
)
def test_one_file(steps: list[float], verdict: str | None) -> None:
    found = examine([stream(steps)])
    assert [f.name for f in found] == ([verdict] if verdict else [])


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        (stream([40, 50, 60], 100, "b"), "resumed log"),
        (stream([30, 40, 50], 100, "b"), "resumed log"),
        (stream([0, 10, 20], 100, "b"), "contaminated log"),  # lesson 3
        (stream([0, 10, 20], 100, "b", purged=0.0), "resumed log"),
        (stream([0, 10, 20], 1, "b"), "contaminated log"),
        (stream([0, 10, 20], 1, "b", tag="other"), None),  # one process, two files
    ],
)
def test_two_files(second: Stream, verdict: str | None) -> None:
    first = stream([0, 10, 20, 30, 40])
    for files in ([first, second], [second, first]):
        assert [f.name for f in examine(files)] == ([verdict] if verdict else [])


def test_contamination_is_red_and_named() -> None:
    (found,) = examine([stream([0, 10, 20], name="old"), stream([0, 5], 50, "new")])
    assert found.color == "red"
    assert "old and new" in found.reason
    assert "its own folder" in found.advice

"""What a person reads of a run's numbers."""

import pytest

from puckrl.core.words import duration, sparkline
from puckrl.training.console import fraction_done, remaining
from puckrl.training.loop import Limits


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (9.84, "9.8 s"),
        (59.97, "1:00"),
        (60.0, "1:00"),
        (65.4, "1:05"),
        (65.6, "1:06"),
        (3599.6, "1:00:00"),
        (7384.0, "2:03:04"),
        (360_000.0, "100:00:00"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def limits(env_steps: int = 0, train_s: float = 0.0, success: float = 0.0) -> Limits:
    return Limits(env_steps, train_s, success)


@pytest.mark.parametrize(
    ("limit", "done", "words"),
    [
        # a quarter of the steps took 30 s
        (limits(1000), 0.25, "at most 1:30 of training"),
        (limits(1000, success=0.95), 0.25, "less if success reaches 0.95"),
        # half of the seconds are gone: they are the nearer limit
        (limits(1000, 60.0), 0.5, "at most 30.0 s of training"),
        (limits(300, 60.0), 5 / 6, "at most 6.0 s of training"),
        (limits(200), 1.0, "at most 0.0 s of training"),
        (limits(), 0.0, "no limit"),
    ],
)
def test_what_is_left_of_the_nearest_limit(
    limit: Limits, done: float, words: str
) -> None:
    row = {"env_steps": 250, "train_s": 30.0}
    assert fraction_done(row, limit) == pytest.approx(done)
    assert words in remaining(row, limit)


def test_before_the_first_row_nothing_is_done() -> None:
    assert fraction_done({}, limits(1000, 60.0)) == 0.0


def test_a_sparkline_shows_the_newest_values() -> None:
    assert sparkline([i / 7 for i in range(8)]) == "▁▂▃▄▅▆▇█"
    assert sparkline([-1.0, 0.07, 0.08, 2.0]) == "▁▁▂█"
    assert sparkline([0.0, 0.0, 1.0], width=2) == "▁█"
    assert sparkline([]) == ""

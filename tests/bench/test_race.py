"""The race: turns, warm-up, ratios; by a clock that stands still but for the work."""

from types import SimpleNamespace

import pytest

from puckrl.bench import race as race_
from puckrl.bench.race import Contender, race


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the race reads, in seconds."""
    clock = [0.0]
    timer = SimpleNamespace(perf_counter=lambda: clock[0])
    monkeypatch.setattr(race_, "time", timer)
    return clock


def contender(
    name: str, seconds: list[float], now: list[float], calls: list[str]
) -> Contender:
    """One that does 100 pieces of work, in ``seconds`` for each repeat."""
    todo = iter(seconds)

    def prepare() -> None:
        calls.append(f"prepare {name}")
        now[0] += 1000.0  # untimed

    def run() -> int:
        calls.append(f"run {name}")
        now[0] += next(todo)
        return 100

    return Contender(name, prepare, run)


def test_the_first_repeat_warms_up_and_ratios_are_of_the_same_repeat(
    now: list[float],
) -> None:
    calls = list[str]()
    rows = race(
        [
            contender("plain", [500.0, 1.0, 2.0, 4.0], now, calls),
            contender("fast", [0.001, 0.25, 2.0, 1.0], now, calls),
        ],
        repeats=3,
    )
    # rates 100, 50, 25 and 400, 50, 100: ratios 4, 1, 4
    assert rows == [
        {
            "contender": "plain",
            "per_s": 50.0,
            "per_s_min": 25.0,
            "per_s_max": 100.0,
            "ratio": 1.0,
            "repeats": 3,
        },
        {
            "contender": "fast",
            "per_s": 100.0,
            "per_s_min": 50.0,
            "per_s_max": 400.0,
            "ratio": 4.0,
            "repeats": 3,
        },
    ]
    turn = ["prepare plain", "run plain", "prepare fast", "run fast"]
    assert calls == 4 * turn

"""Clocks neither skip nor repeat."""

import itertools

import pytest

from puckrl.core.clock import Clock, Every, Ratio


def test_every_equals_the_table_of_its_docstring() -> None:
    due = Every(100)
    assert [due(now) for now in (0, 60, 120, 130, 350)] == [
        False,
        False,
        True,
        False,
        True,
    ]


def test_every_fires_on_the_multiple_itself_and_once() -> None:
    due = Every(10)
    assert [due(now) for now in (9, 10, 10, 19, 20)] == [
        False,
        True,
        False,
        False,
        True,
    ]


def test_every_zero_means_never() -> None:
    due = Every(0)
    assert not any(due(now) for now in range(100))


@pytest.mark.parametrize("strides", [[1], [32], [7, 100, 1]])
def test_every_counts_the_periods_that_a_loop_counts(strides: list[int]) -> None:
    due, now, fired, expected = Every(25), 0, 0, 0
    for i in range(200):
        before, now = now, now + strides[i % len(strides)]
        fired += due(now)
        expected += any(t % 25 == 0 for t in range(before + 1, now + 1))
    assert fired == expected


@pytest.mark.parametrize("ratio", [0.15, 1.0, 2.5, 1 / 3, 0.0])
@pytest.mark.parametrize("worlds", [1, 32])
def test_ratio_is_exact_in_the_long_run(ratio: float, worlds: int) -> None:
    owed, steps, updates = Ratio(ratio), 0, 0
    for _ in range(3000):
        steps += worlds
        owed.earn(worlds)
        updates += owed.due()
        # never ahead, and never a whole update behind (up to the float's rounding)
        assert -1e-6 <= steps * ratio - updates < 1 + 1e-6


def test_ratio_carries_the_fraction() -> None:
    owed, due = Ratio(0.75), list[int]()
    for _ in range(8):
        owed.earn(1)
        due.append(owed.due())
    assert due == [0, 1, 1, 1, 0, 1, 1, 1]


def test_seconds_are_counted_by_activity(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()  # every look at the clock is a second later
    monkeypatch.setattr("time.perf_counter", lambda: float(next(ticks)))
    clock = Clock()
    with clock.measure("collect"):
        pass
    with clock.measure("collect"), clock.measure("evaluate"):
        pass
    with clock.measure("update"):
        pass
    # the inner activity looks at the clock twice, which adds to the outer one
    assert clock.seconds == {"collect": 1.0 + 3.0, "evaluate": 1.0, "update": 1.0}
    assert clock.train_s == 5.0
    assert clock.wall_s == 6.0


def test_an_activity_that_fails_is_counted_too() -> None:
    clock = Clock()
    with pytest.raises(ZeroDivisionError), clock.measure("save"):
        _ = 1 / 0
    assert clock.seconds["save"] > 0
    assert clock.train_s == 0


def test_the_whole_command_counts_from_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [10.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    clock = Clock(earlier_s=100.0, began=4.0)
    assert clock.total_s == 106.0
    then = clock.copy()
    now[0] = 15.0
    assert clock.total_s == 111.0
    assert then.total_s == 106.0
    clock.go_back_to(then)  # seconds stay spent
    assert clock.total_s == 111.0


def test_a_clock_comes_back_from_plain_values_and_stands() -> None:
    clock = Clock(env_steps=5, seconds={"collect": 2.0}, earlier_s=7.0)
    values = clock.as_dict()
    assert values["total_s"] == 7.0
    assert not {"earlier_s", "began"} & values.keys()
    assert Clock.from_dict(values) == clock


def test_a_clock_of_an_earlier_version_knows_its_activities() -> None:
    older = {"env_steps": 5, "updates": 1, "episodes": 0, "diverged": 0}
    clock = Clock.from_dict({**older, "seconds": {"collect": 2.0, "evaluate": 1.0}})
    assert (clock.env_steps, clock.total_s) == (5, 3.0)

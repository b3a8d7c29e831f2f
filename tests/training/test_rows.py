"""Rows of the log, and what the console shows of them."""

import io
import math
from typing import cast

import pytest
from rich.console import Console

from puckrl.core.clock import Clock
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.training import console as shown
from puckrl.training.collect import Collected
from puckrl.training.console import LiveDisplay, PlainDisplay
from puckrl.training.loop import Limits, count
from puckrl.training.rows import training_row
from puckrl.training.sinks import LogRow

LIMITS = Limits(env_steps=1000, train_s=0, success=0)


class Ring:
    """What a row needs of a replay buffer."""

    def metrics(self) -> LogRow:
        return {"replay/transitions": 7, "replay/recent_moving_share": 0.25}


def row(clock: Clock, collected: Collected) -> LogRow:
    was = clock.copy()
    count(collected, clock)
    return training_row(clock, was, collected, {}, cast(EpisodeReplayBuffer, Ring()))


def rows() -> list[LogRow]:
    """Three turns; episodes end in the second only."""
    clock = Clock()
    turns = [
        Collected(10, 0, math.nan, 0),
        Collected(10, 4, 0.75, 0),
        Collected(10, 0, math.nan, 0),
    ]
    return [row(clock, turn) for turn in turns]


def test_success_is_left_out_where_no_episode_ended() -> None:
    assert [r.get("train/success") for r in rows()] == [None, 0.75, None]
    assert all(math.isfinite(value) for r in rows() for value in r.values())


def test_the_panel_keeps_the_last_known_success() -> None:
    console = Console(file=io.StringIO(), width=100)
    display = LiveDisplay("title", LIMITS, console)
    display.close()
    said: list[str] = []
    for r in rows():
        display.write(r)
        with console.capture() as captured:
            console.print(display)
        said.append(captured.get())
    moved = "achieved goal moved in 25% of episodes"
    assert f"success - (noisy), {moved}" in said[0]
    assert all(f"success 0.75 (noisy), {moved}" in text for text in said[1:])
    assert "30 env steps" in said[2]


def test_plain_lines_keep_the_last_known_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shown, "_PLAIN_EVERY_S", -1.0)
    out = io.StringIO()
    display = PlainDisplay("title", LIMITS, Console(file=out, width=200))
    for r in rows():
        display.write(r)
    first, second, third = out.getvalue().splitlines()[1:]
    assert "training success -  " in first
    assert "training success 0.75  " in second
    assert "training success 0.75  " in third


def test_rates_are_those_of_the_iteration() -> None:
    """A machine that is shared for a while shows, and is over with when it is over."""
    clock, rates = Clock(), list[tuple[float, float]]()
    for collect_s, updates, update_s in (
        (1.0, 20, 2.0),
        (10.0, 0, 0.0),
        (1.0, 20, 4.0),
    ):
        was = clock.copy()
        clock.seconds["collect"] = clock.spent("collect") + collect_s
        clock.seconds["update"] = clock.spent("update") + update_s
        clock.updates += updates
        count(Collected(10, 0, math.nan, 0), clock)
        seen = Collected(10, 0, math.nan, 0)
        told = training_row(clock, was, seen, {}, cast(EpisodeReplayBuffer, Ring()))
        rates.append((told["rate/env_steps_per_s"], told["rate/updates_per_s"]))
    assert rates == [(10.0, 10.0), (1.0, 0.0), (10.0, 5.0)]

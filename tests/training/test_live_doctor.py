"""The live doctor: told after evaluations, stops only when asked."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from puckrl.monitor.stopping import StopMode
from puckrl.monitor.verdict import Verdict
from puckrl.training.console import LiveDisplay, PlainDisplay
from puckrl.training.live_doctor import LiveDoctor
from puckrl.training.loop import Limits
from puckrl.training.sinks import LogRow, TensorBoard
from tests.monitor.lives import PUSH

LIMITS = Limits(env_steps=100_000, train_s=0, success=0)


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[float, str]] = []

    def tell(self, verdict: Verdict, evaluation: LogRow) -> None:
        self.heard.append((evaluation["env_steps"], verdict.phase))


def rows(levels: list[float]) -> list[LogRow]:
    """A training row and an evaluation at every 5000 env steps."""
    found: list[LogRow] = []
    for i, level in enumerate(levels, start=1):
        clock: LogRow = {"env_steps": 5000 * i, "updates": 1250 * i}
        found.append(clock | {"train/critic_loss": 0.1})
        found.append(clock | {"eval/success": level, "eval/episodes": 128})
    return found


RISING = [0.05, 0.05, 0.06, 0.3, 0.7, 0.95, 0.97, 0.97, 0.97, 0.97, 0.97, 0.97]


def test_listeners_hear_each_evaluation_once() -> None:
    ear = Ear()
    watch = LiveDoctor(PUSH, "budget", [ear])
    for row in rows(RISING):
        watch.write(row)
    assert [steps for steps, _ in ear.heard] == [5000 * i for i in range(1, 13)]
    phases = [phase for _, phase in ear.heard]
    assert phases[0] == "unknown"
    assert phases[-1] == "converged"


@pytest.mark.parametrize(("mode", "reason"), [("auto", "converged"), ("budget", None)])
def test_it_ends_a_run_only_when_asked(mode: StopMode, reason: str | None) -> None:
    watch = LiveDoctor(PUSH, mode, [])
    assert watch.stop() is None
    for row in rows(RISING):
        watch.write(row)
    assert watch.stop() == reason


def test_a_resumed_watch_knows_the_past() -> None:
    every = rows(RISING)
    whole, parted = (
        LiveDoctor(PUSH, "auto", []),
        LiveDoctor(PUSH, "auto", [], every[:20]),
    )
    for row in every:
        whole.write(row)
    for row in every[20:]:
        parted.write(row)
    assert whole.verdict == parted.verdict


def verdict() -> Verdict:
    watch = LiveDoctor(PUSH, "budget", [])
    for row in rows(RISING[:5]):
        watch.write(row)
    assert watch.verdict is not None
    return watch.verdict


def test_plain_lines_only_when_the_verdict_changes() -> None:
    out = io.StringIO()
    display = PlainDisplay("title", LIMITS, Console(file=out, width=200))
    for _ in range(3):
        display.tell(verdict(), {"env_steps": 25_000})
    assert out.getvalue().count("doctor take-off") == 1


def test_the_panel_shows_it() -> None:
    console = Console(file=io.StringIO(), width=90)
    display = LiveDisplay("title", LIMITS, console)
    display.close()
    display.tell(verdict(), {"env_steps": 25_000})
    with console.capture() as captured:
        console.print(display)
    assert "take-off" in captured.get()
    assert "advice" in captured.get()


def test_tensorboard_gets_the_phase(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path)
    board.tell(verdict(), {"env_steps": 25_000})
    board.close()
    (file,) = tmp_path.iterdir()
    data = file.read_bytes()
    assert b"doctor/phase" in data
    assert b"**take-off**" in data

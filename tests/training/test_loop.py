"""The loop against a schedule worked out by hand; all parts are fakes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch

from puckrl.core.clock import Clock
from puckrl.core.intervals import Interval
from puckrl.core.types import Spaces
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.settings import ReplayCfg
from puckrl.training.collect import Collected
from puckrl.training.judge import Episodes, Evaluation
from puckrl.training.loop import Limits, Stop, count, train
from puckrl.training.sinks import LogRow
from puckrl.training.status import Report, Status
from puckrl.training.verdicts import Given, Progress

CPU = torch.device("cpu")
EPISODES = Episodes(128)
NO_LIMIT = Limits(env_steps=0, train_s=0.0, success=0.0)


def empty_ring() -> EpisodeReplayBuffer:
    spaces = Spaces(state_dim=1, goal_dim=1, action_dim=1, horizon=5)
    return EpisodeReplayBuffer(
        ReplayCfg(),
        spaces,
        2,
        lambda a, d: -(a - d)[:, 0],
        lambda a, d: a[:, 0],
        CPU,
        CPU,
    )


def verdict(success: float) -> Evaluation:
    return Evaluation(128, success, Interval(0.1, 0.2), -3.0, 0.4, 0.5, 0.6, 0.7, 0.8)


@dataclass
class Run:
    """Iterations of 10 env steps, 5 updates, 1 s of collecting and 0.25 s of updating."""

    successes: Sequence[float] = (0.0,) * 99
    """Success of each evaluation."""
    requests: Sequence[Stop | None] = (None,) * 99
    """Answers of ``asked_to_stop``."""
    progress: Progress = field(default_factory=lambda: Progress(Clock(), 0, []))
    journal: list[str] = field(default_factory=list[str])
    """Events, each with its env steps."""
    rows: list[LogRow] = field(default_factory=list[LogRow])
    """What the sink was given."""

    def __post_init__(self) -> None:
        self._successes, self._requests = iter(self.successes), iter(self.requests)

    def note(self, what: str) -> None:
        self.journal.append(f"{what} {self.progress.clock.env_steps}")

    def schedule(
        self, clock: Clock, report: Report
    ) -> tuple[Collected, dict[str, float]]:
        assert clock is self.progress.clock
        self.note("iteration")
        clock.updates += 5
        for phase, seconds in (("collect", 1.0), ("update", 0.25)):
            clock.seconds[phase] = clock.seconds.get(phase, 0.0) + seconds
        return Collected(10, 2, 0.5, 1), {"train/critic_loss": 0.25}

    beside = False

    def ask(self, episodes: Episodes, moment: int) -> Given:
        assert (episodes, moment) == (EPISODES, self.progress.clock.env_steps)
        self.note("evaluate")
        return Given(verdict(next(self._successes)))

    def go_back(self) -> None:
        raise AssertionError("the learner did not go on")

    def diagnose(self) -> LogRow:
        self.note("diagnose")
        return {"probe/q_start": -7.0}

    def report(self, status: Status) -> None:
        self.note(status.value)

    def asked_to_stop(self) -> Stop | None:
        self.note("ask")
        return next(self._requests)

    def write(self, row: LogRow) -> None:
        self.rows.append(row)

    def close(self) -> None:
        raise AssertionError("whoever opened the sink or the judge closes it")

    def go(
        self, limits: Limits, evaluate_every: int, save_every_s: float = 0.0
    ) -> Stop:
        return train(
            progress=self.progress,
            limits=limits,
            schedule=self.schedule,
            replay=empty_ring(),
            judge=self,
            episodes=EPISODES,
            diagnose=self.diagnose,
            evaluate_every=evaluate_every,
            save=lambda: self.note("save"),
            save_every_s=save_every_s,
            sink=self,
            report=self.report,
            asked_to_stop=self.asked_to_stop,
        )

    def when(self, what: str) -> list[int]:
        """Return the env steps of an event."""
        words = (entry.rsplit(" ", 1) for entry in self.journal)
        return [int(steps) for name, steps in words if name == what]


@pytest.mark.parametrize(
    ("limits", "env_steps", "train_s", "last_two", "stop"),
    [
        (NO_LIMIT, 10**9, 1e9, [1.0, 1.0], None),
        (Limits(100, 0.0, 0.0), 99, 1e9, [1.0, 1.0], None),
        (Limits(100, 0.0, 0.0), 100, 0.0, [], "budget"),
        (Limits(0, 60.0, 0.0), 10**9, 59.9, [], None),
        (Limits(0, 60.0, 0.0), 0, 60.0, [], "budget"),
        (Limits(100, 60.0, 0.0), 5, 61.0, [], "budget"),
        (Limits(0, 0.0, 0.9), 0, 0.0, [], None),
        (Limits(0, 0.0, 0.9), 0, 0.0, [1.0], None),
        (Limits(0, 0.0, 0.9), 0, 0.0, [0.89, 1.0], None),
        (Limits(0, 0.0, 0.9), 0, 0.0, [1.0, 0.89], None),
        (Limits(0, 0.0, 0.9), 0, 0.0, [0.9, 0.9], "success"),
        (Limits(100, 0.0, 0.9), 100, 0.0, [0.9, 0.9], "success"),
    ],
)
def test_limits(
    limits: Limits,
    env_steps: int,
    train_s: float,
    last_two: list[float],
    stop: Stop | None,
) -> None:
    # a clock's training seconds are those of collecting and updating, not of judging
    seconds = {"collect": train_s / 2, "update": train_s / 2, "evaluate": 1e6}
    clock = Clock(env_steps=env_steps, seconds=seconds)
    assert limits.reached(clock, last_two) == stop


def test_iterations_follow_each_other_until_the_budget_is_spent() -> None:
    run = Run()
    assert run.go(Limits(35, 0.0, 0.0), evaluate_every=20) == "budget"
    assert run.journal == [
        "iteration 0",
        "ask 10",
        "iteration 10",
        "evaluating 20",
        "evaluate 20",
        "diagnose 20",
        "ask 20",
        "iteration 20",
        "ask 30",
        "iteration 30",
        "evaluating 40",
        "evaluate 40",
        "diagnose 40",
    ]
    assert run.progress.evaluated_at == 40


def test_the_last_policy_is_judged_though_no_evaluation_is_due() -> None:
    run = Run()
    assert run.go(Limits(50, 0.0, 0.0), evaluate_every=40) == "budget"
    assert run.when("evaluate") == [40, 50]


def test_evaluations_come_with_each_period_that_iterations_cross() -> None:
    run = Run()
    run.go(Limits(100, 0.0, 0.0), evaluate_every=25)
    assert run.when("evaluate") == [30, 50, 80, 100]
    seldom = Run()  # one of several periods that an iteration crosses
    seldom.go(Limits(30, 0.0, 0.0), evaluate_every=4)
    assert seldom.when("evaluate") == [10, 20, 30]


def test_saves_come_with_seconds_and_after_the_evaluation() -> None:
    run = Run()
    run.go(Limits(60, 0.0, 0.0), evaluate_every=30, save_every_s=3.0)
    # 1.25 s per iteration: 3 s are over with the third, 6 s with the fifth
    assert run.when("saving") == run.when("save") == [30, 50]
    assert run.journal.index("save 30") > run.journal.index("ask 30")
    assert "save" in run.progress.clock.seconds


def test_two_successes_in_a_row_end_it() -> None:
    run = Run(successes=[0.95, 0.5, 0.9, 0.92])
    assert run.go(Limits(10_000, 0.0, 0.9), evaluate_every=20) == "success"
    assert run.when("evaluate") == [20, 40, 60, 80]
    assert run.progress.successes == [0.9, 0.92]
    assert run.when("ask")[-1] == 70  # nobody is asked about what is over


def test_seconds_are_a_budget_too() -> None:
    run = Run()
    assert run.go(Limits(0, 5.0, 0.0), evaluate_every=1000) == "budget"
    assert run.when("iteration") == [0, 10, 20, 30]
    assert run.when("evaluate") == [40]


def test_a_request_ends_it_after_the_iteration() -> None:
    run = Run(requests=[None, None, "interrupted"])
    assert run.go(NO_LIMIT, evaluate_every=1000) == "interrupted"
    assert run.when("iteration") == [0, 10, 20]
    assert run.when("ask") == [10, 20, 30]
    assert run.when("evaluate") == []


def test_a_resumed_run_keeps_schedule_and_success() -> None:
    clock = Clock(env_steps=50, updates=25, seconds={"collect": 5.0, "update": 1.25})
    run = Run(successes=[0.9], progress=Progress(clock, 40, [0.3, 0.95]))
    assert run.go(Limits(0, 0.0, 0.9), evaluate_every=40, save_every_s=7.0) == "success"
    assert run.when("evaluate") == [80]
    assert run.when("save") == [60]  # 7 s are over with its first iteration
    assert run.progress.successes == [0.95, 0.9]


def test_rows_say_what_happened() -> None:
    run = Run(successes=[0.75])
    run.go(Limits(20, 0.0, 0.0), evaluate_every=1000)
    _, second, judged = run.rows
    assert [row["env_steps"] for row in run.rows] == [10, 20, 20]
    assert second["updates"] == judged["updates"] == 10
    assert second["episodes"] == 4
    assert second["sim/diverged"] == 2
    assert second["train_s"] == pytest.approx(2.5)
    assert second["train/success"] == 0.5
    assert second["train/critic_loss"] == 0.25
    # 10 env steps in 1 s of collecting, 5 updates in 0.25 s of updating
    assert second["rate/env_steps_per_s"] == pytest.approx(10.0)
    assert second["rate/updates_per_s"] == pytest.approx(20.0)
    assert second["rate/update_ratio"] == pytest.approx(0.5)
    assert second["replay/transitions"] == 0
    assert judged["probe/q_start"] == -7.0
    names = "success success_low success_high episodes return time_to_success_s"
    names += " action_change success_near success_far competence_radius_m"
    found = [judged[f"eval/{name}"] for name in names.split()]
    assert found == [0.75, 0.1, 0.2, 128, -3.0, 0.4, 0.5, 0.6, 0.7, 0.8]


def test_counters_add_up() -> None:
    clock = Clock(env_steps=100, updates=7, episodes=5, diverged=1)
    count(Collected(env_steps=30, episodes=2, success=0.5, diverged=3), clock)
    assert clock == Clock(env_steps=130, updates=7, episodes=7, diverged=4)

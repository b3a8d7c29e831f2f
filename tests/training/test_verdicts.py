"""A judge beside the learner: order of rows, going back, and who waits for whom."""

from dataclasses import dataclass, field

import pytest

from puckrl.core.clock import Clock
from puckrl.core.intervals import Interval
from puckrl.training.judge import Episodes, Evaluation
from puckrl.training.sinks import LogRow
from puckrl.training.status import Status
from puckrl.training.verdicts import Progress, Verdicts

EPISODES = Episodes(512, least=64, target=0.9)


def verdict(success: float) -> Evaluation:
    return Evaluation(512, success, Interval(0.0, 1.0), -3.0, 0.4, 0.5, 0.6, 0.7, 0.8)


@dataclass
class SlowAnswer:
    evaluation: Evaluation
    is_ready: bool = False
    waited: int = 0

    def ready(self) -> bool:
        return self.is_ready

    def wait(self) -> Evaluation:
        self.waited += 1
        return self.evaluation


@dataclass
class SlowJudge:
    """Answers when a test says so."""

    successes: list[float]
    beside: bool = True
    asked: list[int] = field(default_factory=list[int])
    """Env steps of each question."""
    went_back: int = 0

    def ask(self, episodes: Episodes, moment: int) -> SlowAnswer:
        assert episodes == EPISODES
        self.asked.append(moment)
        self.answer = SlowAnswer(verdict(self.successes.pop(0)))
        return self.answer

    def go_back(self) -> None:
        self.went_back += 1

    def close(self) -> None:
        raise AssertionError("whoever opened the judge closes it")


class Rows:
    """A sink."""

    def __init__(self) -> None:
        self.rows: list[LogRow] = []

    def write(self, row: LogRow) -> None:
        self.rows.append(row)

    def close(self) -> None:
        raise AssertionError("whoever opened the sink closes it")

    @property
    def told(self) -> list[tuple[float, bool]]:
        """Env steps of each row, and whether it is an evaluation."""
        return [(row["env_steps"], "eval/success" in row) for row in self.rows]


class Bench:
    """Verdicts with a slow judge, and a learner that makes 10 env steps a call."""

    def __init__(self, *successes: float, success: float = 0.9) -> None:
        self.judge, self.rows = SlowJudge(list(successes)), Rows()
        self.progress = Progress(Clock(), 0, [])
        self.verdicts = Verdicts(
            self.judge,
            EPISODES,
            lambda: {"probe/q_start": float(-self.clock.env_steps)},
            success,
            self.progress,
            self.rows,
        )

    @property
    def clock(self) -> Clock:
        return self.progress.clock

    def learn(self) -> None:
        self.clock.env_steps += 10
        self.clock.updates += 3
        self.clock.episodes += 1
        self.clock.seconds["overlap"] = self.clock.seconds.get("overlap", 0.0) + 0.5
        self.verdicts.write({"env_steps": self.clock.env_steps})

    def ask(self) -> None:
        self.verdicts.ask(lambda status: pytest.fail(f"{status} is shown"))


def test_rows_wait_for_the_verdict_and_follow_it() -> None:
    bench = Bench(0.5)
    bench.learn()
    bench.ask()
    bench.learn()
    bench.verdicts.settle(wait=False)  # it is not ready
    bench.learn()
    assert bench.rows.told == [(10, False)]

    bench.judge.answer.is_ready = True
    bench.verdicts.settle(wait=False)
    bench.learn()

    told = [(10, False), (10, True), (20, False), (30, False), (40, False)]
    assert bench.rows.told == told
    judged = bench.rows.rows[1]
    assert (judged["updates"], judged["episodes"]) == (3, 1)
    assert judged["train_s"] == 0.5
    assert judged["probe/q_start"] == -10.0
    assert bench.progress.evaluated_at == 10
    assert bench.judge.went_back == 0


def test_a_success_takes_the_run_back_to_what_was_judged() -> None:
    bench = Bench(0.95, 0.92)
    for _ in range(2):
        bench.learn()
        bench.ask()
        bench.learn()
        bench.verdicts.settle()

    assert bench.verdicts.succeeded
    assert bench.judge.asked == [10, 30]
    assert bench.judge.went_back == 1
    assert (bench.clock.env_steps, bench.clock.updates, bench.clock.episodes) == (
        30,
        9,
        3,
    )
    assert bench.clock.train_s == pytest.approx(1.5)
    told = [(10, False), (10, True), (20, False), (30, False), (30, True)]
    assert bench.rows.told == told  # nothing later than what is kept


def test_one_success_is_not_enough() -> None:
    bench = Bench(0.95, 0.5)
    for _ in range(2):
        bench.ask()
        bench.learn()
        bench.verdicts.settle()
    assert not bench.verdicts.succeeded
    assert bench.judge.went_back == 0
    assert bench.clock.env_steps == 20


def test_without_a_target_no_success_ends_it() -> None:
    bench = Bench(1.0, 1.0, success=0.0)
    for _ in range(2):
        bench.ask()
        bench.verdicts.settle()
    assert not bench.verdicts.succeeded


def test_no_second_question_is_open() -> None:
    bench = Bench(0.5, 0.5)
    bench.ask()
    with pytest.raises(AssertionError):
        bench.ask()


def test_what_is_held_back_is_not_lost_when_the_run_fails() -> None:
    bench = Bench(0.5)
    bench.ask()
    bench.learn()
    bench.verdicts.release()
    assert bench.rows.told == [(10, False)]


def test_waiting_counts_as_evaluation() -> None:
    bench = Bench(0.5)
    bench.ask()
    bench.verdicts.settle()
    assert bench.judge.answer.waited == 1
    assert set(bench.clock.seconds) == {"evaluate", "diagnose"}


def test_a_judge_in_turn_says_so() -> None:
    bench = Bench(0.95, 0.95)
    bench.judge.beside = False
    shown: list[Status] = []
    for _ in range(2):
        bench.verdicts.ask(shown.append)
        bench.verdicts.settle()
    assert shown == [Status.EVALUATING] * 2
    assert bench.verdicts.succeeded
    assert bench.judge.went_back == 0  # the learner did not go on

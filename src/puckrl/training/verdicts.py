"""Evaluations in turn with training or beside it, and rows in the order of env steps.

    in turn   train | evaluate | train | evaluate | train
    beside    train | train          | train          | stop: back to what was judged
                      evaluate         evaluate

A judge beside the learner evaluates a copy of the policy, with the same result. While it
does, rows of training are held back, so that every log has its rows in order. If its
verdict ends the run, the run goes back to the moment that was judged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from puckrl.core import team
from puckrl.core.clock import Clock
from puckrl.core.runtime import torch_threads
from puckrl.training.judge import Episodes, Evaluation
from puckrl.training.rows import clocks, evaluation_row
from puckrl.training.sinks import LogRow, Sink
from puckrl.training.status import Report, Status


class Answer(Protocol):
    """An evaluation that may still be under way."""

    def ready(self) -> bool:
        """Return whether ``wait`` would return at once."""
        ...

    def wait(self) -> Evaluation:
        """Wait for the evaluation and return it."""
        ...


@dataclass(frozen=True)
class Given:
    """An evaluation that is over."""

    evaluation: Evaluation

    def ready(self) -> bool:
        """Return True."""
        return True

    def wait(self) -> Evaluation:
        """Return the evaluation."""
        return self.evaluation


class Judge(Protocol):
    """Evaluates the policy as it is when asked."""

    @property
    def beside(self) -> bool:
        """Whether training can go on meanwhile."""
        ...

    def ask(self, episodes: Episodes, moment: int) -> Answer:
        """Begin an evaluation over deterministic episodes, which ``moment`` decides."""
        ...

    def go_back(self) -> None:
        """Give the learner the state that it had when the judge was last asked."""
        ...

    def close(self) -> None:
        """Release processes and threads."""
        ...


def is_success(last_two: list[float], success: float) -> bool:
    """Return whether two consecutive evaluations reach a success rate; False for 0: none."""
    return bool(success) and len(last_two) == 2 and min(last_two) >= success


@dataclass
class Progress:
    """Progress of a run; snapshots hold it with the tensors."""

    clock: Clock
    evaluated_at: int
    """Env steps of the last evaluation."""
    successes: list[float]
    """Success of the last two evaluations."""


@dataclass(frozen=True)
class _Question:
    """What the judge was asked, and when."""

    answer: Answer
    clock: Clock
    probed: LogRow
    """What the gauges measured at that moment."""


class Verdicts:
    """Asks the judge, and logs training and evaluations in the order of env steps.

    Args:
        judge: evaluates policies.
        episodes: episodes per evaluation.
        diagnose: measures networks and replay buffer when the judge is asked.
        success: success rate of two consecutive evaluations that ends the run; 0: none.
        progress: gets each evaluation; advanced in place.
        sink: receives the metrics.
    """

    def __init__(
        self,
        judge: Judge,
        episodes: Episodes,
        diagnose: Callable[[], LogRow],
        success: float,
        progress: Progress,
        sink: Sink,
    ) -> None:
        self._judge, self._episodes, self._diagnose = judge, episodes, diagnose
        self._success, self._progress, self._sink = success, progress, sink
        self._open: _Question | None = None
        self._held: list[LogRow] = []

    def write(self, row: LogRow) -> None:
        """Log a row of training, or hold it back while a verdict is open."""
        if self._open is None:
            self._sink.write(row)
        else:
            self._held.append(row)

    @property
    def succeeded(self) -> bool:
        """Whether the last two evaluations reached the success that ends the run."""
        return is_success(self._progress.successes, self._success)

    def ask(self, report: Report) -> None:
        """Ask the judge about the present policy; at most one question is open."""
        assert self._open is None
        clock = self._progress.clock
        if not self._judge.beside:
            report(Status.EVALUATING)
        with clock.measure("evaluate"):
            answer = team.from_first(
                lambda: self._judge.ask(self._episodes, clock.env_steps)
            )
        with clock.measure("diagnose"), torch_threads(1):
            probed = team.from_first(self._diagnose)
        self._open = _Question(answer, clock.copy(), probed)

    def settle(self, *, wait: bool = True) -> None:
        """Log the open verdict and add it to the progress, if there is one.

        If two verdicts in a row are a success, go back to what was judged.

        Args:
            wait: wait for the verdict; otherwise only a verdict that is ready is logged.
        """
        question, clock = self._open, self._progress.clock
        if question is None or not (wait or question.answer.ready()):
            return
        with clock.measure("evaluate"):
            judged = question.answer.wait()
        self._open = None
        row = clocks(question.clock) | evaluation_row(judged) | question.probed
        self._sink.write(row)
        self._progress.evaluated_at = question.clock.env_steps
        last_two = [*self._progress.successes, judged.success][-2:]
        self._progress.successes = last_two
        if self.succeeded and self._judge.beside:
            self._held.clear()
            clock.go_back_to(question.clock)
            self._judge.go_back()
        self.release()

    def release(self) -> None:
        """Log the rows that are held back."""
        for row in self._held:
            self._sink.write(row)
        self._held.clear()

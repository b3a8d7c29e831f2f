"""The training loop; all parts are arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from puckrl.core import team
from puckrl.core.clock import Clock, Every
from puckrl.monitor.stopping import Reason
from puckrl.replay.buffer import ReplayBuffer
from puckrl.training.collect import Collected
from puckrl.training.judge import Episodes
from puckrl.training.rows import training_row
from puckrl.training.schedule import Schedule
from puckrl.training.sinks import LogRow, Sink
from puckrl.training.status import Report, Status
from puckrl.training.verdicts import Judge, Progress, Verdicts, is_success

Stop = Literal["budget", "success", "interrupted", "callback"] | Reason


@dataclass(frozen=True)
class Limits:
    """When to stop; 0 switches a limit off."""

    env_steps: int
    """Env steps, summed over worlds."""
    train_s: float
    """Seconds of collecting and updating."""
    success: float
    """Success rate of two consecutive evaluations."""

    def reached(self, clock: Clock, last_two: list[float]) -> Stop | None:
        """Return the limit that is reached, if any."""
        if is_success(last_two, self.success):
            return "success"
        spent = self.env_steps and clock.env_steps >= self.env_steps
        late = self.train_s and clock.train_s >= self.train_s
        return "budget" if spent or late else None


def train(
    *,
    progress: Progress,
    limits: Limits,
    schedule: Schedule,
    replay: ReplayBuffer,
    judge: Judge,
    episodes: Episodes,
    diagnose: Callable[[], LogRow],
    evaluate_every: int,
    save: Callable[[], None],
    save_every_s: float,
    sink: Sink,
    report: Report,
    asked_to_stop: Callable[[], Stop | None],
) -> Stop:
    """Collect, update, evaluate and save until a limit is reached; return the limit.

    Args:
        progress: counters, advanced in place.
        limits: when to stop.
        schedule: collects into the replay buffer and updates from it.
        replay: the replay buffer, whose metrics are logged.
        judge: evaluates the policy, in turn or beside training.
        episodes: episodes per evaluation.
        diagnose: measures networks and replay buffer at each evaluation.
        evaluate_every: env steps between evaluations.
        save: writes a snapshot.
        save_every_s: seconds between snapshots; 0: never.
        sink: receives the metrics.
        report: called when the status changes.
        asked_to_stop: whether user, doctor or a callback stops the run; called once per
            iteration.
    """
    clock = progress.clock
    verdicts = Verdicts(judge, episodes, diagnose, limits.success, progress, sink)
    should_evaluate = Every(evaluate_every, last=progress.evaluated_at)
    should_save = Every(save_every_s, last=clock.wall_s)
    stop: Stop | None = team.agreed(_reached_before(progress, limits))
    try:
        while stop is None:
            verdicts.write(_iterate(schedule, clock, replay, report))
            limit = team.agreed(limits.reached(clock, progress.successes))
            save_now = team.agreed(should_save(clock.wall_s))
            if should_evaluate(clock.env_steps) or limit == "budget":
                verdicts.settle()  # at most one question is open
                if not verdicts.succeeded:
                    verdicts.ask(report)
            verdicts.settle(wait=bool(limit) or save_now or not judge.beside)

            reached = limits.reached(clock, progress.successes)
            stop = team.agreed(reached or asked_to_stop())
            if save_now:
                report(Status.SAVING)
                with clock.measure("save"):
                    save()
        verdicts.settle()
    finally:
        verdicts.release()
    return stop


def _reached_before(progress: Progress, limits: Limits) -> Stop | None:
    """Return the limit of a run that was killed while it wrote its report, if any."""
    done = progress.evaluated_at == progress.clock.env_steps > 0
    return limits.reached(progress.clock, progress.successes) if done else None


def _iterate(
    schedule: Schedule, clock: Clock, replay: ReplayBuffer, report: Report
) -> LogRow:
    """Run one iteration and return its metrics."""
    was = clock.copy()
    collected, metrics = schedule(clock, report)
    count(collected, clock)
    return training_row(clock, was, collected, metrics, replay)


def count(collected: Collected, clock: Clock) -> None:
    """Advance the counters of the clock."""
    clock.env_steps += collected.env_steps
    clock.episodes += collected.episodes
    clock.diverged += collected.diverged

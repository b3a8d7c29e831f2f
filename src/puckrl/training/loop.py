"""The training loop; all parts are arguments."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from puckrl.core import team
from puckrl.core.clock import Clock, Every
from puckrl.core.runtime import torch_threads
from puckrl.monitor.stopping import Reason
from puckrl.replay.buffer import ReplayBuffer
from puckrl.training.collect import Collected
from puckrl.training.judge import Evaluation
from puckrl.training.schedule import Schedule
from puckrl.training.sinks import LogRow, Sink
from puckrl.training.status import Report, Status

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
        if self.success and len(last_two) == 2 and min(last_two) >= self.success:
            return "success"
        spent = self.env_steps and clock.env_steps >= self.env_steps
        late = self.train_s and clock.train_s >= self.train_s
        return "budget" if spent or late else None


@dataclass
class Progress:
    """Progress of a run; snapshots hold it with the tensors."""

    clock: Clock
    evaluated_at: int
    """Env steps of the last evaluation."""
    successes: list[float]
    """Success of the last two evaluations."""


def train(
    *,
    progress: Progress,
    limits: Limits,
    schedule: Schedule,
    replay: ReplayBuffer,
    evaluate: Callable[[], Evaluation],
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
        evaluate: evaluates the current policy.
        diagnose: measures networks and replay buffer after each evaluation.
        evaluate_every: env steps between evaluations.
        save: writes a snapshot.
        save_every_s: seconds between snapshots; 0: never.
        sink: receives the metrics.
        report: called when the status changes.
        asked_to_stop: whether user, doctor or a callback stops the run; called once per
            iteration.
    """
    clock = progress.clock
    should_evaluate = Every(evaluate_every, last=progress.evaluated_at)
    should_save = Every(save_every_s, last=clock.wall_s)
    # A run that was killed while it wrote its report has nothing left to train
    done = progress.evaluated_at == clock.env_steps > 0
    limit = limits.reached(clock, progress.successes) if done else None
    stop: Stop | None = team.agreed(limit)
    while stop is None:
        was = clock.copy()
        collected, metrics = schedule(clock, report)
        count(collected, clock)
        sink.write(training_row(clock, was, collected, metrics, replay))

        stop = team.agreed(limits.reached(clock, progress.successes))
        if should_evaluate(clock.env_steps) or stop == "budget":
            report(Status.EVALUATING)
            judge(evaluate, diagnose, progress, sink)
            stop = stop or limits.reached(clock, progress.successes)

        stop = team.agreed(stop or asked_to_stop())
        if team.agreed(should_save(clock.wall_s)):
            report(Status.SAVING)
            with clock.measure("save"):
                save()
    return stop


def judge(
    evaluate: Callable[[], Evaluation],
    diagnose: Callable[[], LogRow],
    progress: Progress,
    sink: Sink,
) -> None:
    """Evaluate the current policy; log the result and add it to ``progress``."""
    clock = progress.clock
    with clock.measure("evaluate"), torch_threads(1):
        judged = team.from_first(evaluate)
    with clock.measure("diagnose"), torch_threads(1):
        probed = team.from_first(diagnose)
    sink.write(clocks(clock) | evaluation_row(judged) | probed)
    progress.evaluated_at = clock.env_steps
    progress.successes = [*progress.successes, judged.success][-2:]


def count(collected: Collected, clock: Clock) -> None:
    """Advance the counters of the clock."""
    clock.env_steps += collected.env_steps
    clock.episodes += collected.episodes
    clock.diverged += collected.diverged


def clocks(clock: Clock) -> LogRow:
    """Return the counters that are in every row."""
    return {
        "env_steps": clock.env_steps,
        "updates": clock.updates,
        "episodes": clock.episodes,
        "train_s": clock.train_s,
        "wall_s": clock.wall_s,
    }


def training_row(
    clock: Clock,
    was: Clock,
    collected: Collected,
    metrics: LogRow,
    replay: ReplayBuffer,
) -> LogRow:
    """Return the metrics of an iteration that began when the clock was ``was``.

    They include success only if an episode ended.
    """
    collecting, updating = (
        max(clock.spent(name, "overlap") - was.spent(name, "overlap"), 1e-9)
        for name in ("collect", "update")
    )
    known = collected.success == collected.success  # not NaN
    success = {"train/success": collected.success} if known else {}
    return {
        **clocks(clock),
        **success,
        "rate/env_steps_per_s": (clock.env_steps - was.env_steps) / collecting,
        "rate/updates_per_s": (clock.updates - was.updates) / updating,
        "rate/update_ratio": clock.updates / clock.env_steps,
        **replay.metrics(),
        "sim/diverged": clock.diverged,
        **metrics,
    }


def evaluation_row(judged: Evaluation) -> LogRow:
    """Return the metrics of one evaluation, without success where nobody says what it is."""
    known = {
        "eval/success": judged.success,
        "eval/success_low": judged.interval.low,
        "eval/success_high": judged.interval.high,
        "eval/time_to_success_s": judged.time_to_success_s,
        "eval/success_near": judged.success_near,
        "eval/success_far": judged.success_far,
        "eval/competence_radius_m": judged.competence_radius_m,
    }
    unknown = math.isnan(judged.success)
    return {
        **({} if unknown else known),
        "eval/episodes": judged.episodes,
        "eval/return": judged.mean_return,
        "eval/action_change": judged.action_change,
        **{f"eval/{name}": value for name, value in judged.metrics.items()},
    }

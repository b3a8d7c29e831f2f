"""Rows of metrics: of an iteration of training, and of an evaluation."""

import math

from puckrl.core.clock import Clock
from puckrl.replay.buffer import ReplayBuffer
from puckrl.training.collect import Collected
from puckrl.training.judge import Evaluation
from puckrl.training.sinks import LogRow


def clocks(clock: Clock) -> LogRow:
    """Return the counters that are in every row."""
    return {
        "env_steps": clock.env_steps,
        "updates": clock.updates,
        "episodes": clock.episodes,
        "train_s": clock.train_s,
        "wall_s": clock.wall_s,
        "total_s": clock.total_s,
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
        **{f"env/{name}": value for name, value in collected.logs.items()},
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

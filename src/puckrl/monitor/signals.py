"""Define every logged number and the verdict's row; docs/metrics.md is made of them."""

from puckrl.monitor.probes import PROBES, Signal
from puckrl.monitor.representation_signals import OBJECTIVES

__all__ = ["METRICS", "PROBES", "SIGNALS", "Signal"]

SIGNALS: tuple[Signal, ...] = (
    Signal(
        "env_steps", "steps", "control steps, summed over worlds", "the first clock"
    ),
    Signal("updates", "updates", "gradient steps of the critic", "the second clock"),
    Signal(
        "episodes", "episodes", "training episodes that ended", "grows with env_steps"
    ),
    Signal(
        "train_s",
        "s",
        "seconds spent on collecting and updating",
        "the clock that results quote",
    ),
    Signal(
        "wall_s",
        "s",
        "seconds of all that the run did: training, compilation, evaluations, snapshots",
        "-",
    ),
    Signal(
        "total_s",
        "s",
        "seconds of the whole command, from its start: imports, kernels and set-up too; "
        "a resumed run counts on",
        "the clock that a user waits by",
    ),
    Signal(
        "rate/env_steps_per_s",
        "1/s",
        "env steps per second of collecting, over the last iteration",
        "settles; a drop means that other jobs use the cores",
    ),
    Signal(
        "rate/updates_per_s",
        "1/s",
        "updates per second of updating, over the last iteration; 0 if it had none",
        "settles; a drop means that other jobs use the cores",
    ),
    Signal(
        "rate/update_ratio",
        "1",
        "updates / env_steps so far (UTD)",
        "what the configuration asks for",
    ),
    Signal(
        "train/success",
        "1",
        "share of the newest training episodes (one for each world) at the goal at their last step, with exploration noise, explorer worlds included",
        "lags eval/success by the noise",
    ),
    Signal(
        "train/return",
        "1",
        "mean undiscounted return of training episodes; logged by other libraries",
        "rises with success",
    ),
    Signal(
        "train/episode_steps",
        "steps",
        "mean length of training episodes; logged by other libraries",
        "the horizon, unless success ends an episode",
    ),
    Signal(
        "train/critic_loss",
        "1",
        "Σ_i mean (Q_i - y)²",
        "low while nothing succeeds (red), RISES at take-off (green), falls again when converged",
    ),
    Signal(
        "train/actor_loss",
        "1",
        "TD3: -mean Q + λ mean a²; SAC: mean α log π - Q + λ mean a²; distilled: mean squared distance of its action from the teacher's",
        "follows -Q; distilled: falls",
    ),
    Signal(
        "train/teacher_loss",
        "1",
        "distilled policies: SAC's actor loss of the teacher",
        "follows -Q",
    ),
    Signal(
        "train/q_mean",
        "1",
        "mean value of sampled actions",
        "between -1/(1-γ) and 0 for sparse rewards; near -(1-γ^T)/(1-γ) the critic expects failure everywhere",
    ),
    Signal(
        "train/target_std",
        "1",
        "standard deviation of the TD targets in a batch",
        "well above 0: the targets tell states apart",
    ),
    Signal(
        "train/reward_mean",
        "1",
        "mean reward of sampled, relabelled transitions",
        "-1 ... 0 for sparse rewards",
    ),
    Signal(
        "train/actor_encoder_grad_norm",
        "1",
        "norm of the gradient that the actor's loss sends to its encoder, with the auxiliary loss if that trains it",
        "finite, no trend to 0; absent where the actor does not train one",
    ),
    Signal(
        "train/critic_encoder_grad_norm",
        "1",
        "the same for the critics' loss",
        "finite, no trend to 0; absent where the critics do not train one",
    ),
    Signal(
        "train/actor_memory_grad_norm",
        "1",
        "norm of the gradient of the actor's memory, through all steps of a sequence",
        "finite; near 0: the memory is not used; absent without trained memory",
    ),
    Signal(
        "train/critic_memory_grad_norm",
        "1",
        "the same for the critics' memory",
        "finite; absent where the critics have none",
    ),
    Signal(
        "train/aux_error",
        "1",
        "Huber loss of the achieved goal predicted from the encoder's features, in standard deviations; linear beyond a tenth",
        "falls from 0.7 while success is still flat",
    ),
    Signal(
        "train/critic_grad_norm",
        "1",
        "norm of the critic's gradient",
        "finite, no trend to 0",
    ),
    Signal(
        "train/actor_grad_norm",
        "1",
        "norm of the actor's gradient, before clipping",
        "finite; near 0 means that the critic does not tell actions apart",
    ),
    Signal(
        "train/action_effort",
        "1",
        "mean squared action of the policy; distilled: of the teacher",
        "below 0.9: else the actor saturates",
    ),
    Signal(
        "train/entropy",
        "nat",
        "SAC: mean -log π; distilled: of the teacher",
        "falls slowly; a sudden drop is an entropy collapse",
    ),
    Signal("train/alpha", "1", "SAC: temperature", "constant, or settling"),
    Signal(
        "replay/transitions",
        "steps",
        "transitions in the replay buffer that can be sampled",
        "grows to the capacity",
    ),
    Signal(
        "replay/moving_share",
        "1",
        "share of stored steps after which the achieved goal still moves",
        "rises before success does",
    ),
    Signal(
        "replay/recent_moving_share",
        "1",
        "share of the newest 256 episodes in which the achieved goal moved",
        "rises minutes before success does",
    ),
    Signal(
        "replay/displacement_m",
        "m",
        "mean distance of the achieved goal from its start, at the end of the newest 128 episodes",
        "rises before success does",
    ),
    Signal(
        "replay/trivial_share",
        "1",
        "of the sampled transitions that end at their goal, the share that also began there",
        "falls as the agent moves things on purpose; near 1: hindsight rewards nothing",
    ),
    Signal(
        "sim/diverged",
        "worlds",
        "worlds reset so far because their physics failed",
        "0",
    ),
    Signal(
        "eval/success",
        "1",
        "share of deterministic episodes at the goal at their last step, played with the average of the policy's last weights",
        "the result",
    ),
    Signal("eval/success_low", "1", "lower end of the Wilson 95 % interval", "-"),
    Signal("eval/success_high", "1", "upper end of the Wilson 95 % interval", "-"),
    Signal("eval/episodes", "1", "deterministic episodes played", "200 for a claim"),
    Signal("eval/return", "1", "mean undiscounted return", "rises with success"),
    Signal(
        "eval/time_to_success_s",
        "s",
        "median time until the goal is first reached, over successful episodes",
        "falls after take-off",
    ),
    Signal(
        "eval/action_change",
        "1",
        "mean absolute change of an action component per step",
        "smooth policies: below 0.3",
    ),
    Signal(
        "eval/success_near",
        "1",
        "success over the half of the goals that were closer at the start",
        "rises first",
    ),
    Signal(
        "eval/success_far", "1", "success over the other half", "follows success_near"
    ),
    Signal(
        "eval/competence_radius_m",
        "m",
        "maximum distance d such that at least half of the goals within d are reached",
        "grows from the goal's tolerance to the whole table",
    ),
    Signal(
        "eval/hand_where_pictured",
        "1",
        "share of episodes that end with the hand where the picture of the goal shows it",
        "stays low: success asks for the object only",
    ),
    Signal(
        "eval/goal_images_redrawn",
        "1",
        "times that the picture of a goal was rendered again, mean over episodes",
        "about 0.05",
    ),
    Signal("eval/peak_force_n", "N", "largest contact force of an episode", "falls"),
    Signal("eval/mean_force_n", "N", "mean contact force of an episode", "falls"),
    *PROBES,
    *OBJECTIVES,
    Signal(
        "doctor/phase",
        "1",
        "the doctor's phase in TensorBoard: warm-up 0, flat 1, take-off 2, converging 3, converged 4, collapsed 5, unknown 6",
        "goes up to 4",
    ),
    Signal(
        "doctor/confidence",
        "1",
        "confidence in the phase, in TensorBoard",
        "above 0.9",
    ),
)

METRICS: dict[str, Signal] = {signal.name: signal for signal in SIGNALS}
"""Every legal key of a logged row of numbers."""

RENAMED: dict[str, str] = {"probe/guess_error_m": "probe/goal_prediction_error_m"}
"""Metrics of older versions -> their present names; every reader of a log applies it."""

VERDICT: dict[str, str] = {
    "env_steps": "number; of the evaluation that was judged last",
    "updates": "number; the same, null if the run logs none",
    "doctor/phase": "text; where the run stands",
    "doctor/color": "text; green: go on, yellow: look, red: sick",
    "doctor/confidence": "number in [0, 1]; confidence in the phase",
    "doctor/advice": "text; what to do",
    "doctor/findings": "list of objects with the texts `name`, `color` and `reason`; worst first",
}
"""Keys of the verdict's row in metrics.jsonl and what they hold."""

"""What people call signals and clocks, whichever library they use: words, no logic.

A library's own names stand in ``libraries.toml``.
"""

import re
from collections.abc import Mapping

from puckrl.logs.producers import Unit

EVAL = ("eval", "evaluation", "test", "val", "validation")
TRAIN = ("train", "training", "rollout", "charts")
GROUPS = frozenset(
    ("losses", "loss", "metrics", "episode", "learner", "agent", "algo", "sac", "td3", "ddpg")
)  # fmt: skip
"""Other groups whose signals are those of training."""
NETS = frozenset(("actor", "critic", "policy", "q", "qf", "value"))
"""Groups whose "loss" is that of the network."""

ALIASES: Mapping[str, tuple[str, ...]] = {
    "success": (
        "success", "success_rate", "is_success", "mean_success", "avg_success",
        "success_mean", "success_rate_mean", "episode_success", "final_success",
    ),
    "return": (
        "return", "returns", "mean_return", "avg_return", "episode_return", "ep_return",
        "episodic_return", "return_mean", "mean_reward", "avg_reward", "episode_reward",
        "ep_reward", "ep_rew_mean", "ep_return_mean", "episode_reward_mean",
        "mean_episode_return", "mean_episode_reward", "avg_episode_reward", "episode_rewards",
        "episodic_reward", "total_reward", "cumulative_reward", "score",
    ),
    "episode_steps": (
        "length", "episode_length", "ep_len", "ep_length", "ep_len_mean", "episode_len",
        "episodic_length", "mean_episode_length", "episode_steps", "mean_ep_length",
    ),
    "critic_loss": (
        "critic_loss", "qf_loss", "q_loss", "loss_critic", "loss_q", "critic_1_loss",
        "critic1_loss", "qf1_loss", "q1_loss", "value_loss", "td_loss",
    ),
    "actor_loss": (
        "actor_loss", "policy_loss", "pi_loss", "loss_actor", "loss_policy", "loss_pi",
    ),
    "q_mean": (
        "q_mean", "mean_q", "q_value", "q_values", "qf1_values", "avg_q", "q_value_mean",
        "q_values_mean", "mean_q_value", "mean_q_values", "avg_q_value", "q1_mean", "mean_q1",
        "q1_values", "q1_value", "qf1_mean", "critic_q1", "critic_q", "q1",
    ),
    "alpha": (
        "alpha", "ent_coef", "temperature", "alpha_value", "entropy_coef",
        "entropy_coefficient",
    ),
    "entropy": ("entropy", "policy_entropy", "mean_entropy", "action_entropy"),
    "updates": (
        "updates", "n_updates", "num_updates", "total_updates", "gradient_steps",
        "gradient_step", "grad_steps", "num_gradient_steps", "update_steps", "update_step",
        "learner_steps",
    ),
    "episodes": ("episodes", "episode", "n_episodes", "num_episodes", "episodes_total"),
    "wall_s": (
        "wall_s", "wall_time", "walltime", "time_elapsed", "elapsed", "elapsed_time",
        "total_time", "time_total_s", "_runtime",
    ),
    "rate/env_steps_per_s": ("fps", "sps"),
}  # fmt: skip
"""Our names, or their ends -> what people call them, without ``eval/`` or ``train/``."""

CLOCKS: Mapping[str, Unit] = {
    "num_steps": "env steps", "env_steps": "env steps", "env_step": "env steps", "total_env_steps": "env steps",
    "total_timesteps": "env steps", "timesteps_total": "env steps",
    "num_timesteps": "env steps", "timesteps": "env steps", "timestep": "env steps",
    "environment_steps": "env steps", "env_interactions": "env steps",
    "interactions": "env steps", "num_env_steps": "env steps", "envsteps": "env steps",
    "global_step": "env steps", "global_steps": "env steps", "total_steps": "env steps",
    "agent_steps": "env steps", "samples": "env steps", "step": "env steps",
    "steps": "env steps", "frame": "env steps", "frames": "env steps",
    "total_frames": "env steps", "num_frames": "env steps", "env_frames": "env steps",
    "time_steps": "env steps", "total_time_steps": "env steps", "t_env": "env steps",
    "iteration": "iterations", "iterations": "iterations", "iter": "iterations",
    "training_iteration": "iterations", "itr": "iterations",
    "epoch": "epochs", "epochs": "epochs",
    "episode": "episodes", "episodes": "episodes", "num_episodes": "episodes",
    "_step": "log calls", "trainer/global_step": "updates",
}  # fmt: skip
"""Names of clocks and what they count; the first that a log has counts."""

STEPS = frozenset(
    ("step", "steps", "timestep", "timesteps", "frame", "frames", "interaction",
     "interactions", "transition", "transitions")
)  # fmt: skip
OF_STEPS = frozenset(
    ("env", "environment", "agent", "sim", "simulation", "control", "total", "num", "n",
     "number", "of", "all", "count", "cumulative", "global", "lifetime", "so", "far",
     "sampled", "collected", "taken", "played")
)  # fmt: skip
"""Words that leave steps env steps: those of updates, logging or episodes are not here."""

_NO_RATE = re.compile(
    r"time|step|std|count|num|loss|reward|return|bonus|thresh|toler|weight|buffer|low$|high$"
    r"|(?:^|[^a-z])n_|successes$|episodes|near|far|first|dist|total|length|_min$|/min$|_max$"
    r"|error|fail|consecutive|streak"
)
_SUCCESS = re.compile(
    r"success|solved|solve_rate|goal_reached|goals_reached|reached_goal|(?:win|completion)_rate"
)
_PERCENT = re.compile(r"(?:^|[^a-z])(?:pct|pc|perc|percent|percentage)(?:$|[^a-z])|%")
_RATE = re.compile(
    r"(?:(?:is|episode|final|mean|avg|pct|pc|percent)_)*(?:success|solved)"
    r"(?:_(?:once|any|at_end|rate|ratio|frac|fraction|share|mean|pct|percent|percentage))*"
)


def called_success(name: str) -> bool:
    """Return whether a name says that it is a rate of success.

    >>> called_success("env/solved_frac"), called_success("time_to_success")
    (True, False)
    """
    low = name.lower()
    return _SUCCESS.search(low) is not None and not _NO_RATE.search(low)


def in_percent(name: str) -> bool:
    """Return whether a name says that its numbers are percent.

    >>> in_percent("eval/success (%)"), in_percent("success_pct"), in_percent("pcs")
    (True, True, False)
    """
    return _PERCENT.search(name.lower()) is not None


def surely_success(name: str) -> bool:
    """Return whether the whole name says that it is a rate of success.

    >>> surely_success("charts/success_once"), surely_success("info/grasp_success")
    (True, False)
    """
    end = re.sub(r"[\s\-.()%]+", "_", name.rpartition("/")[2].lower()).strip("_")
    return called_success(name) and _RATE.fullmatch(end) is not None


def is_evaluation(name: str) -> bool:
    """Return whether a name says that it comes from evaluations."""
    return any(part in EVAL for part in re.split(r"[/_\-. ]", name.lower()))

"""Translate other libraries' names of signals, and those of the --map option."""

from collections.abc import Mapping, Sequence

from puckrl.core.errors import UserError
from puckrl.monitor.signals import METRICS, RENAMED

SB3: Mapping[str, str] = {
    "time/total_timesteps": "env_steps",
    "time/episodes": "episodes",
    "time/time_elapsed": "wall_s",
    "time/fps": "rate/env_steps_per_s",
    "rollout/success_rate": "train/success",
    "rollout/ep_rew_mean": "train/return",
    "rollout/ep_len_mean": "train/episode_steps",
    "eval/success_rate": "eval/success",
    "eval/mean_reward": "eval/return",
    "train/n_updates": "updates",
    "train/critic_loss": "train/critic_loss",
    "train/actor_loss": "train/actor_loss",
    "train/ent_coef": "train/alpha",
}
"""Stable-Baselines3's tags. Its critic loss is half of ours; no rule compares the two."""

WANDB: Mapping[str, str] = {
    "_step": "env_steps",
    "Step": "env_steps",
    "global_step": "env_steps",
    "_runtime": "wall_s",
}
"""Names of the clocks in a W&B export; a logged global_step is better than its count."""


def parse_map(items: Sequence[str]) -> dict[str, str]:
    """Return the names in ``theirs=ours`` pairs as a mapping.

    Raises:
        UserError: for a pair without "=", or a name that is not ours.
    """
    found: dict[str, str] = {}
    for item in items:
        theirs, equals, ours = item.rpartition("=")
        if not equals or not theirs:
            raise UserError(
                f"--map {item!r} is no pair; write THEIRS=OURS, as in acc=eval/success"
            )
        if ours not in METRICS:
            raise UserError(
                f"--map {item!r}: puckrl logs no {ours!r}; legal names: docs/metrics.md"
            )
        found[theirs] = ours
    return found


def ours(name: str, mapping: Mapping[str, str]) -> str | None:
    """Return our name of a signal; None if there is none."""
    known = mapping.get(name) or SB3.get(name) or RENAMED.get(name)
    return known or (name if name in METRICS else None)

"""What every number of a configuration may be; anything else is refused in one line."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from puckrl.config.run_cfg import RunCfg, to_dict
from puckrl.core.errors import UserError


@dataclass(frozen=True)
class Limit:
    """An interval, and how to say it."""

    low: float
    """Least."""
    high: float
    """Greatest."""
    words: str
    """What is legal."""

    def allows(self, value: float) -> bool:
        """Whether a number lies inside; NaN never does."""
        return self.low <= value <= self.high


_MOST = 2**40  # beyond, whatever is counted overflows something
_COUNT = Limit(1, _MOST, "a whole number from 1 on")
_OR_NONE = Limit(0, _MOST, "0 or more")
_POSITIVE = Limit(math.ulp(0.0), 1e12, "above 0")
_SHARE = Limit(0.0, 1.0, "from 0 to 1")
_FRACTION = Limit(math.ulp(0.0), 1.0, "above 0, at most 1")

LIMITS: Mapping[str, Limit] = {
    "seed": Limit(0, 2**62, "0 or more, below 2^62"),
    "sim.num_worlds": _COUNT,
    "sim.num_threads": _OR_NONE,
    "pixels.height": Limit(8, 1024, "8 to 1024 pixels"),
    "pixels.width": Limit(8, 1024, "8 to 1024 pixels"),
    "pixels.stack": Limit(1, 64, "1 to 64 frames"),
    # at 1 the sum of rewards has no bound
    "agent.gamma": Limit(0.0, 1.0 - 1e-9, "from 0 to below 1"),
    "agent.tau": _FRACTION,
    "agent.batch_size": _COUNT,
    "agent.hidden": _COUNT,
    "agent.critics": _COUNT,
    "agent.critic_lr": _POSITIVE,
    "agent.actor_lr": _POSITIVE,
    "agent.max_grad_norm": _OR_NONE,
    "agent.actor_delay": _COUNT,
    "agent.action_l2": _OR_NONE,
    "agent.average_share": _SHARE,
    "agent.explore.random_share": _SHARE,
    "agent.explore.explorer_share": _SHARE,
    "agent.explore.sigma": _OR_NONE,
    "agent.target_noise": _OR_NONE,
    "agent.target_noise_clip": _OR_NONE,
    "agent.alpha": _POSITIVE,
    "agent.alpha_lr": _POSITIVE,
    "agent.target_entropy": Limit(-1e6, 1e6, "a number"),
    "agent.teacher_lr": _POSITIVE,
    "agent.teacher_share": _SHARE,
    "agent.student_batch": _COUNT,
    "agent.student_tau": _FRACTION,
    "agent.vision.encoder.channels": _COUNT,
    "agent.vision.encoder.features": _COUNT,
    "agent.vision.lr": _POSITIVE,
    "agent.vision.max_grad_norm": _OR_NONE,
    "agent.vision.aux_weight": _OR_NONE,
    "replay.capacity": _COUNT,
    "replay.her_ratio": _SHARE,
    "replay.sampling.moving_share": _SHARE,
    "replay.sampling.moved_m": _OR_NONE,
    "loop.update_ratio": _POSITIVE,
    "loop.collect_steps": _OR_NONE,
    "loop.warm_up_episodes": _COUNT,
    "loop.normalize_episodes": _OR_NONE,
    "eval.every_env_steps": _OR_NONE,
    "eval.episodes": _COUNT,
    "eval.final_episodes": _COUNT,
    "budget.env_steps": _OR_NONE,
    "budget.train_s": _OR_NONE,
    "budget.until_success": _SHARE,
    "expect.success": _SHARE,
    "expect.train_s": _OR_NONE,
    "expect.takeoff_updates": _OR_NONE,
    "save.every_s": _OR_NONE,
}
"""By name, as on the command line but for dashes; of a tuple, what each number may be."""


def check_limits(cfg: RunCfg) -> None:
    """Refuse numbers that no run can have.

    Raises:
        UserError: naming the first, and what is legal.
    """
    cfg.pixels.randomize.check()
    for name, value in numbers(to_dict(cfg)):
        limit = LIMITS.get(name)
        if limit is not None and not limit.allows(value):
            flag = name.replace("_", "-")
            raise UserError(f"--{flag} {value:g} is out of range; legal: {limit.words}")


def numbers(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    """Every number of nested settings with its dotted name."""
    found: list[tuple[str, float]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            inner: Mapping[str, Any] = value
            found += numbers(inner, f"{prefix}{key}.")
            continue
        several = value if isinstance(value, tuple) else (value,)
        found += [
            (prefix + key, x)
            for x in several
            if isinstance(x, int | float) and not isinstance(x, bool)
        ]
    return found

"""Worlds of environments that are not ours, from the configuration of a run."""

from contextlib import closing

from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.core.foreign import id_of
from puckrl.core.types import Spaces
from puckrl.envs.foreign.gym_make import make_gym
from puckrl.envs.foreign.gymnasium import GymWorlds
from puckrl.envs.foreign.settings import ForeignCfg


def foreign_spaces(cfg: RunCfg) -> Spaces:
    """Return the sizes of a foreign environment, after a step of one world.

    Raises:
        UserError: if it cannot be made or stepped, or has no goals where the run needs some.
    """
    with closing(make_foreign(cfg, 1, cfg.seed)) as env:
        if env.rules is None and not cfg.stores_steps:
            raise UserError(
                f"{cfg.task} has no goals whose reward can be computed, so there is no "
                "hindsight; set --replay.her-ratio 0"
            )
        return env.spaces


def make_foreign(
    cfg: RunCfg,
    num_worlds: int,
    seed: int,
    *,
    auto_reset: bool = True,
    draws: bool = False,
) -> GymWorlds:
    """Make worlds of a foreign environment.

    Raises:
        UserError: for settings that it cannot have.
    """
    if cfg.pixels.viewpoints:
        raise UserError(
            f"{cfg.task}: --pixels are cameras of our physics; leave --pixels.viewpoints out"
        )
    return make_gym(
        id_of(cfg.task),
        cfg.foreign or ForeignCfg(),
        num_worlds,
        seed=seed,
        auto_reset=auto_reset,
        draws=draws,
    )

"""Worlds of environments that are not ours, from the configuration of a run."""

from contextlib import closing
from typing import NamedTuple

import torch

from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.core.foreign import id_of, is_batched, library_of
from puckrl.core.runtime import pick_device
from puckrl.core.types import Spaces
from puckrl.envs.foreign.gym_make import make_gym
from puckrl.envs.foreign.gymnasium import GymWorlds
from puckrl.envs.foreign.settings import ForeignCfg, IsaacCfg
from puckrl.envs.foreign.worlds import ForeignWorlds


class _Made(NamedTuple):
    """Worlds that showed their spaces, and are handed to the run that follows."""

    cfg: RunCfg
    worlds: ForeignWorlds


_made: list[_Made] = []


def foreign_spaces(cfg: RunCfg) -> Spaces:
    """Return the sizes of a foreign environment, after a step.

    Where it takes up to minutes to make, and a process has one simulation, the worlds of
    the run itself show them: the next ``make_training_worlds`` returns these.

    Raises:
        UserError: if it cannot be made or stepped, or has no goals where the run needs some.
    """
    if is_batched(cfg.task):
        worlds = make_training_worlds(cfg, cfg.seed)
        _check_goals(cfg, worlds)
        _made.append(_Made(cfg, worlds))
        return worlds.spaces
    with closing(make_foreign(cfg, 1, cfg.seed)) as worlds:
        _check_goals(cfg, worlds)
        return worlds.spaces


def _check_goals(cfg: RunCfg, worlds: ForeignWorlds) -> None:
    """Raise ``UserError`` if a run needs goals that are not there."""
    if worlds.rules is None and not cfg.stores_steps:
        worlds.close()
        raise UserError(
            f"{cfg.task} has no goals whose reward can be computed, so there is no "
            "hindsight; set --replay.her-ratio 0"
        )


def make_training_worlds(cfg: RunCfg, seed: int) -> ForeignWorlds:
    """Make the worlds that a run collects in; they begin at ``seed``.

    Rewards and ends of episodes are verified, if hindsight recomputes them.
    """
    while _made:
        kept = _made.pop()
        if kept.cfg == cfg:
            kept.worlds.reseed(seed)
            return kept.worlds
        kept.worlds.close()
    worlds = make_foreign(cfg, cfg.sim.num_worlds, seed)
    if isinstance(worlds, GymWorlds) and not cfg.stores_steps:
        worlds.verify_goals(cfg.foreign or ForeignCfg())
    return worlds


def _numbered(device: torch.device) -> torch.device:
    """Return a GPU with its number, which libraries want to know."""
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def make_foreign(
    cfg: RunCfg,
    num_worlds: int,
    seed: int,
    *,
    auto_reset: bool = True,
    draws: bool = False,
) -> ForeignWorlds:
    """Make worlds of a foreign environment.

    Raises:
        UserError: for settings that it cannot have.
    """
    if cfg.pixels.viewpoints:
        raise UserError(
            f"{cfg.task}: --pixels are cameras of our physics; leave --pixels.viewpoints out"
        )
    if draws and is_batched(cfg.task):
        raise UserError(
            f"{cfg.task} is not filmed: its library draws with its own viewers"
        )
    settings, name = cfg.foreign or ForeignCfg(), id_of(cfg.task)
    device = _numbered(pick_device(cfg.device))
    match library_of(cfg.task):
        case "mjlab":
            from puckrl.envs.foreign.mjlab import make_mjlab

            return make_mjlab(
                name, settings, num_worlds, device, seed=seed, auto_reset=auto_reset
            )
        case "isaaclab":
            from puckrl.envs.foreign.isaaclab import make_isaaclab

            isaac = cfg.isaac or IsaacCfg()
            return make_isaaclab(
                name,
                settings,
                isaac,
                num_worlds,
                device,
                seed=seed,
                auto_reset=auto_reset,
            )
        case _:
            return make_gym(
                name,
                settings,
                num_worlds,
                seed=seed,
                auto_reset=auto_reset,
                draws=draws,
            )

"""Make ``GymWorlds`` from an id and settings."""

from collections.abc import Callable
from typing import Any

import gymnasium

from puckrl.core.errors import UserError
from puckrl.envs.foreign.actions import ActionScale
from puckrl.envs.foreign.gymnasium import UNKNOWN_DT_S, GymWorlds
from puckrl.envs.foreign.make import find_spec, make_one
from puckrl.envs.foreign.pool import Pool
from puckrl.envs.foreign.settings import ForeignCfg, keyword_arguments
from puckrl.envs.foreign.source import Source
from puckrl.envs.foreign.vector import VectorSource


def make_gym(
    name: str,
    cfg: ForeignCfg,
    num_worlds: int,
    *,
    seed: int = 0,
    auto_reset: bool = True,
    draws: bool = False,
) -> GymWorlds:
    """Make worlds of a Gymnasium environment.

    Args:
        name: its id, or ``PACKAGE:ID``.
        cfg: settings.
        num_worlds: number of worlds.
        seed: see ``GymWorlds``.
        auto_reset: see ``GymWorlds``.
        draws: whether its worlds draw images of themselves.

    Raises:
        UserError: for an environment that is unknown, cannot be made, has discrete or
            unbounded actions, or no time limit.
    """
    title, kwargs = f"gym:{name}", keyword_arguments(cfg)
    spec = find_spec(name)
    horizon = cfg.horizon or spec.max_episode_steps
    if not horizon or horizon < 1:
        raise UserError(
            f"{title} has no time limit, so no episode need end; set --foreign.horizon N"
        )
    if draws:
        kwargs["render_mode"] = "rgb_array"
    one = make_one(name, **kwargs)
    scale = _told(title, lambda: ActionScale(one.action_space, cfg.action_bound))
    goals = getattr(one.unwrapped, "compute_reward", None)
    dt_s = _control_dt_s(one)
    one.close()
    own = spec.vector_entry_point is not None and not draws
    source: Source
    if cfg.vector == "own" or (cfg.vector == "auto" and own):
        source = _own_vector(name, num_worlds, kwargs, cfg)
    else:
        source = _pool(
            name, num_worlds, kwargs, cfg, auto_reset=auto_reset, draws=draws
        )
    has_goals = source.layout.has_goals and callable(goals)
    return GymWorlds(
        title,
        source,
        scale,
        horizon,
        compute_reward=goals if has_goals else None,
        control_dt_s=dt_s,
        seed=seed,
        auto_reset=auto_reset,
        timeout=cfg.timeout,
    )


def _pool(
    name: str,
    num_worlds: int,
    kwargs: dict[str, Any],
    cfg: ForeignCfg,
    *,
    auto_reset: bool,
    draws: bool,
) -> Pool:
    """Make one environment for each world."""
    if cfg.horizon:
        kwargs = {**kwargs, "max_episode_steps": cfg.horizon}
    processes = 0 if draws else cfg.processes
    keys = cfg.observation
    return Pool(
        name, num_worlds, kwargs, keys, auto_reset=auto_reset, processes=processes
    )


def _told(title: str, make: Callable[[], ActionScale]) -> ActionScale:
    """Name the environment in an error of its actions."""
    try:
        return make()
    except UserError as error:
        raise UserError(f"{title}: {error}") from None


def _own_vector(
    name: str, num_worlds: int, kwargs: dict[str, Any], cfg: ForeignCfg
) -> VectorSource:
    """Make an environment's own vector version."""
    spec = find_spec(name)
    if spec.vector_entry_point is None:
        raise UserError(
            f"gym:{name} has no vector version; use --foreign.vector worlds"
        )
    env = gymnasium.make_vec(
        spec.id, num_worlds, vectorization_mode="vector_entry_point", **kwargs
    )
    return VectorSource(env, name, cfg.observation)


def _control_dt_s(env: gymnasium.Env[Any, Any]) -> float:
    """Return the duration of a control step, as far as the environment says."""
    dt_s = getattr(env.unwrapped, "dt", None)
    fps = (env.metadata or {}).get("render_fps")
    if isinstance(dt_s, int | float) and dt_s > 0:
        return float(dt_s)
    return 1.0 / float(fps) if fps else UNKNOWN_DT_S

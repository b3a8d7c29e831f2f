"""Derive what the doctor must know of a run from its configuration."""

from collections.abc import Mapping
from typing import Any

from puckrl.config.fields import settings
from puckrl.config.presets import PRESETS
from puckrl.config.run_cfg import RunCfg, config_hash
from puckrl.core.foreign import library_of
from puckrl.monitor.facts import RunFacts


def facts_of(cfg: RunCfg, spaces: Mapping[str, Any] | None = None) -> RunFacts:
    """Return the facts of a run that its curves do not show.

    Args:
        cfg: of the run.
        spaces: ``horizon``, ``action_dim`` and ``reward_bounds`` of the task, as far as
            known; None: the task is made to get them.

    Raises:
        UserError: if the task cannot be made.
    """
    known = _spaces(cfg) if spaces is None else spaces
    usual = (-1.0, 0.0) if cfg.reward == "sparse" else None
    bounds = known.get("reward_bounds", usual)
    return RunFacts(
        modality="pixels" if "pixels" in cfg.agent.actor_sensors else "state",
        sparse=cfg.reward == "sparse",
        reward_bounds=None if bounds is None else (bounds[0], bounds[1]),
        gamma=cfg.agent.gamma,
        horizon=known.get("horizon"),
        update_ratio=cfg.loop.update_ratio,
        her=cfg.replay.her_ratio > 0,
        action_dim=known.get("action_dim"),
        clipped=bounds is not None,
        success_asked=cfg.expect.success or 0.9,
        budget_env_steps=cfg.budget.env_steps or None,
        usual_takeoff_updates=_usual_takeoff(cfg),
    )


def _spaces(cfg: RunCfg) -> dict[str, Any]:
    """Return what a task says of itself; one in a user's file is executed."""
    if library_of(cfg.task):
        return {"reward_bounds": None}
    from puckrl.tasks.catalog import make_task  # loads mujoco and torch

    task = make_task(cfg.task, cfg.reward, cfg.params)
    return {
        "horizon": task.spaces.horizon,
        "action_dim": task.spaces.action_dim,
        "reward_bounds": task.reward_bounds,
    }


def _usual_takeoff(cfg: RunCfg) -> float | None:
    """Return the updates to the take-off; None where they are unknown.

    A preset's number counts only for a run that the preset describes exactly.
    """
    expected, base = cfg.expect.takeoff_updates, PRESETS.get(cfg.preset)
    if base is None or expected != base.expect.takeoff_updates:
        return expected or None
    same = config_hash(cfg) == config_hash(base)
    return expected if expected and same else None


def flat_settings(cfg: RunCfg) -> dict[str, Any]:
    """Return every setting of a configuration by its dotted name."""
    return {setting.name: setting.value for setting in settings(cfg)}

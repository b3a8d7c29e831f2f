"""Environments of mjlab as ``GoalWorlds``: ``mjlab:TASK``.

mjlab returns the first observation of the next episode in place of the last one, unless
``auto_reset`` is off. So it is off here: a step gives the true final observation, and the
worlds that are over are reset right after it. Rewards, flags and extras are overwritten by
the next call, and copied. A world has succeeded once its command was met in the episode.

Written for mjlab 1.6. It draws from torch's and numpy's global generators.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from puckrl.core.errors import UserError, said, unknown
from puckrl.envs.foreign.batched import BatchedWorlds
from puckrl.envs.foreign.config import override
from puckrl.envs.foreign.groups import Groups
from puckrl.envs.foreign.joint_limits import limits_of
from puckrl.envs.foreign.make import silent
from puckrl.envs.foreign.settings import ForeignCfg, keyword_arguments
from puckrl.envs.foreign.tensor_source import Facts, TensorRows

SUCCESS = ("episode_success", "success")
"""Measurements of a command that say whether a world has succeeded."""


def make_mjlab(
    task: str,
    cfg: ForeignCfg,
    num_worlds: int,
    device: torch.device,
    *,
    seed: int = 0,
    auto_reset: bool = True,
) -> BatchedWorlds:
    """Make worlds of an mjlab task.

    Args:
        task: its name in mjlab's registry.
        cfg: settings.
        num_worlds: number of worlds.
        device: device of simulation and tensors.
        seed: see ``ForeignWorlds``.
        auto_reset: see ``ForeignWorlds``.

    Raises:
        UserError: if mjlab is missing, does not know the task, or cannot make it.
    """
    title = f"mjlab:{task}"
    env_type, env_cfg = configured(title, task)
    env_cfg.scene.num_envs, env_cfg.seed, env_cfg.auto_reset = num_worlds, seed, False
    if cfg.horizon:
        step_s = env_cfg.sim.mujoco.timestep * env_cfg.decimation
        env_cfg.episode_length_s = cfg.horizon * step_s
    override(title, env_cfg, keyword_arguments(cfg))
    try:
        with silent():
            env = env_type(env_cfg, device=str(device))
    except Exception as error:
        raise UserError(f"{title} cannot be made: {said(error)}") from error
    source = MjlabSource(env, title, cfg.success, joint_limits=cfg.joint_limits)
    return BatchedWorlds(title, source, cfg, seed=seed, auto_reset=auto_reset)


def configured(title: str, task: str) -> tuple[Any, Any]:
    """Return mjlab's class of environments, and a task's configuration."""
    os.environ.setdefault("MUJOCO_GL", "disable")  # nothing is drawn
    try:
        with silent():
            import_module(
                "warp"
            ).config.quiet = True  # it says every kernel that it loads
            mujoco: Any = import_module("mujoco")
            if not hasattr(mujoco, "Renderer"):  # mjlab names it in annotations
                mujoco.Renderer = type("Renderer", (), {})
            import_module("mjlab.tasks")  # registers
            registry: Any = import_module("mjlab.tasks.registry")
            env_type = import_module("mjlab.envs").ManagerBasedRlEnv
    except ModuleNotFoundError as error:
        raise UserError(
            f"{title} needs the package {error.name}: pip install 'puckrl[mjlab]' into an "
            "environment of Python 3.11 or newer of its own (docs/foreign.md)"
        ) from None
    except Exception as error:
        raise UserError(f"{title}: import mjlab failed: {said(error)}") from error
    if task not in registry.list_tasks():
        raise unknown("task of mjlab", task, registry.list_tasks())
    return env_type, registry.load_env_cfg(task)


class MjlabSource:
    """Worlds of an mjlab environment; see ``TensorSource``.

    Args:
        env: a ``ManagerBasedRlEnv`` whose ``auto_reset`` is off.
        name: of it, for errors.
        success: measurement of a command that says success, COMMAND/METRIC; empty: by rule.
        joint_limits: whether the limits of joints bound position actions.

    Raises:
        UserError: if there is no such measurement.
    """

    def __init__(
        self, env: Any, name: str, success: str = "", *, joint_limits: bool = False
    ) -> None:
        self.env, self.name = env, name
        device, size = torch.device(env.device), env.action_manager.total_action_dim
        open_ = torch.full((size,), torch.inf, device=device)
        low, high = limits_of(env) if joint_limits else (-open_, open_)
        self.facts = Facts(
            num_worlds=env.num_envs,
            device=device,
            action_low=low,
            action_high=high,
            horizon=int(env.max_episode_length),
            control_dt_s=float(env.step_dt),
            has_home=joint_limits,
        )
        """See ``TensorSource``."""
        self._metrics = _measured(env)
        self._success = self._find_success(success)
        self._won = torch.zeros(env.num_envs, dtype=torch.bool, device=device)
        self._groups: Groups

    def _find_success(self, named: str) -> tuple[str, str] | None:
        """Return the command and its measurement that say success; None: none does."""
        every = {
            f"{command}/{metric}": (command, metric)
            for command, metrics in self._metrics.items()
            for metric in metrics
        }
        if named and named not in every:
            raise unknown("measurement of a world", named, every or ["(it has none)"])
        if named:
            return every[named]
        found = [pair for name in SUCCESS for pair in every.values() if pair[1] == name]
        return found[0] if found else None

    def begin(self, seed: int | None) -> Mapping[str, Any]:
        """Begin an episode in every world; see ``TensorSource``."""
        self._won.zero_()
        with silent():
            return self.env.reset(seed=seed)[0]

    def read(self, groups: Groups) -> None:
        """Read these groups of observations; see ``TensorSource``."""
        self._groups = groups

    def step(self, action: Tensor) -> TensorRows:
        """Make a control step, then reset the worlds that are over; see ``TensorSource``."""
        try:
            obs, reward, ended, cut, _ = self.env.step(action)
        except Exception as error:
            told = f"{type(error).__name__}: {said(error)}"
            raise UserError(f"{self.name}: step() raised {told}") from error
        final = self._groups.flat(obs)
        reward, ended, cut = reward.clone(), ended.clone(), cut.clone()
        success = self._succeeded()
        over = (ended | cut).nonzero()[:, 0]
        logs: Mapping[str, Any] = {}
        rows = final
        if len(over):
            obs, extras = self.env.reset(env_ids=over)
            rows, logs = final.clone(), dict(extras.get("log", {}))
            rows[over] = self._groups.flat(obs)[over]
            self._won = self._won & ~(ended | cut)
        return TensorRows(rows, final, reward, ended, cut, success, logs)

    def _succeeded(self) -> Tensor | None:
        """Return whether each world has succeeded in this episode, as its command says.

        A command may be drawn again within an episode, and forgets then that it was met.
        """
        if self._success is None:
            return None
        command, metric = self._success
        measured = self.env.command_manager.get_term(command).metrics[metric]
        self._won = self._won | (measured > 0.5)
        return self._won

    def close(self) -> None:
        """Close the environment; see ``TensorSource``."""
        self.env.close()


def _measured(env: Any) -> dict[str, list[str]]:
    """Return the names of what each command measures of every world."""
    manager = env.command_manager
    return {
        name: [*manager.get_term(name).metrics]
        for name in getattr(manager, "active_terms", ())
    }

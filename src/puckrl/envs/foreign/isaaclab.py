"""Environments of Isaac Lab as ``GoalWorlds``: ``isaaclab:TASK``, without Isaac Sim.

``compute_final_obs`` is switched on, else the observation after an episode's last step is
the next episode's first. It stays in ``extras`` afterwards, and is read only where an
episode ends. A process has one simulation, so worlds to be judged in need another process.

Written for Isaac Lab 3.0 with Newton. It draws from torch's and numpy's global generators.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium
import torch
from gymnasium.envs.registration import load_env_creator
from torch import Tensor

from puckrl.core.errors import UserError, said
from puckrl.envs.foreign.batched import BatchedWorlds
from puckrl.envs.foreign.config import override
from puckrl.envs.foreign.groups import Groups
from puckrl.envs.foreign.isaac_assets import use_local_assets
from puckrl.envs.foreign.make import silent
from puckrl.envs.foreign.settings import ForeignCfg, IsaacCfg, keyword_arguments
from puckrl.envs.foreign.tensor_source import Facts, TensorRows


def make_isaaclab(
    task: str,
    cfg: ForeignCfg,
    isaac: IsaacCfg,
    num_worlds: int,
    device: torch.device,
    *,
    seed: int = 0,
    auto_reset: bool = True,
) -> BatchedWorlds:
    """Make worlds of an Isaac Lab task.

    Args:
        task: its id in Gymnasium's registry.
        cfg: settings.
        isaac: settings of Isaac Lab.
        num_worlds: number of worlds.
        device: device of simulation and tensors.
        seed: see ``ForeignWorlds``.
        auto_reset: see ``ForeignWorlds``.

    Raises:
        UserError: if Isaac Lab is missing, does not know the task, or cannot make it; if an
            asset would be downloaded.
    """
    title = f"isaaclab:{task}"
    missing = [file for file in _files(isaac) if not Path(file).is_file()]
    if missing:
        raise UserError(f"{title}: there is no file {missing[0]} (--isaac.usd)")
    env_type, env_cfg = _configuration(title, task, isaac)
    env_cfg.seed, env_cfg.compute_final_obs = seed, True
    env_cfg.scene.num_envs, env_cfg.sim.device = num_worlds, str(device)
    if device.type == "cpu" and hasattr(env_cfg.sim.physics, "use_cuda_graph"):
        env_cfg.sim.physics.use_cuda_graph = False
    if cfg.horizon:
        step_s = env_cfg.sim.dt * env_cfg.decimation
        env_cfg.episode_length_s = cfg.horizon * step_s
    override(title, env_cfg, keyword_arguments(cfg))
    use_local_assets(title, env_cfg.scene, isaac.usd)
    try:
        with silent():
            env = env_type(env_cfg)
    except Exception as error:
        raise UserError(f"{title} cannot be made: {said(error)}") from error
    source = IsaacSource(env, title)
    return BatchedWorlds(title, source, cfg, seed=seed, auto_reset=auto_reset)


def _files(isaac: IsaacCfg) -> list[str]:
    """Return the paths of local assets."""
    return [text.rpartition("=")[2] for text in isaac.usd]


def _configuration(title: str, task: str, isaac: IsaacCfg) -> tuple[Any, Any]:
    """Return a task's class of environments, and its configuration."""
    os.environ.setdefault("OMNI_KIT_ACCEPT_EULA", "YES")
    try:
        with silent():
            import_module("isaaclab_tasks")  # registers
            utils: Any = import_module("isaaclab_tasks.utils")
            hydra: Any = import_module("isaaclab_tasks.utils.hydra")
    except ModuleNotFoundError as error:
        raise UserError(
            f"{title} needs the package {error.name}: pip install 'puckrl[isaaclab]' into an "
            "environment of Python 3.12 of its own (docs/foreign.md)"
        ) from None
    except Exception as error:
        raise UserError(
            f"{title}: import isaaclab_tasks failed: {said(error)}"
        ) from error
    try:
        with silent():
            cfg = utils.load_cfg_from_registry(task, "env_cfg_entry_point")
            cfg = hydra.resolve_presets(cfg, (isaac.physics,))
            entry = gymnasium.spec(task).entry_point
            env_type = load_env_creator(entry) if isinstance(entry, str) else entry
    except Exception as error:
        raise UserError(f"{title}: {said(error)}") from error
    return env_type, cfg


class IsaacSource:
    """Worlds of an Isaac Lab environment; see ``TensorSource``.

    Args:
        env: an environment with ``compute_final_obs``.
        name: of it, for errors.
    """

    def __init__(self, env: Any, name: str) -> None:
        self.env, self.name = env, name
        device, space = torch.device(env.device), env.single_action_space
        edges = (
            torch.as_tensor(edge, dtype=torch.float32, device=device).reshape(-1)
            for edge in (space.low, space.high)
        )
        low, high = edges
        self.facts = Facts(
            num_worlds=env.num_envs,
            device=device,
            action_low=low,
            action_high=high,
            horizon=int(env.max_episode_length),
            control_dt_s=float(env.step_dt),
        )
        """See ``TensorSource``."""
        self._groups: Groups
        self._closed = False

    def begin(self, seed: int | None) -> Mapping[str, Any]:
        """Begin an episode in every world; see ``TensorSource``."""
        return self.env.reset(seed=seed)[0]

    def read(self, groups: Groups) -> None:
        """Read these groups of observations; see ``TensorSource``."""
        self._groups = groups

    def step(self, action: Tensor) -> TensorRows:
        """Make a control step; see ``TensorSource``.

        Raises:
            UserError: if the environment raises, or gives no final observations.
        """
        try:
            obs, reward, ended, cut, extras = self.env.step(action)
        except Exception as error:
            told = f"{type(error).__name__}: {said(error)}"
            raise UserError(f"{self.name}: step() raised {told}") from error
        rows = final = self._groups.flat(obs)
        ended, cut = ended.bool().clone(), cut.bool().clone()
        over = ended | cut
        logs: Mapping[str, Any] = {}
        if bool(over.any()):
            if "final_obs" not in extras:
                raise UserError(
                    f"{self.name}: episodes ended and extras have no final_obs, so their "
                    "last observations are lost; it must be Isaac Lab 3.0 or newer"
                )
            last = self._groups.flat(extras["final_obs"])
            final = torch.where(over[:, None], last, rows)
            logs = dict(extras.get("log", {}))
        return TensorRows(rows, final, reward.float().clone(), ended, cut, None, logs)

    def close(self) -> None:
        """Close the environment; see ``TensorSource``."""
        if not self._closed:
            self._closed = True
            with silent():
                self.env.close()

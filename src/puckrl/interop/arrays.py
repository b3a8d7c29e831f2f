"""Convert Gymnasium's arrays to our tensors, and back."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Obs
from puckrl.envs.goal_env import GoalEnv
from puckrl.interop.view import View
from puckrl.tasks.task import Task

Action = NDArray[Any]
Info = dict[str, Any]


def to_actions(actions: NDArray[Any], env: GoalEnv) -> Tensor:
    """Convert actions to the environment's (num_worlds, action_dim) float32.

    Raises:
        UserError: for another shape.
    """
    wanted = (env.num_worlds, env.spaces.action_dim)
    if actions.shape != wanted:
        raise UserError(f"actions of shape {actions.shape}; wanted {wanted}")
    return torch.from_numpy(np.ascontiguousarray(actions, dtype=np.float32))


def rewards_of(task: Task, achieved: ArrayLike, desired: ArrayLike) -> Any:
    """Return rewards of numpy goals; a plain number for a single pair."""
    pair = (
        torch.from_numpy(np.asarray(goal, np.float64)) for goal in (achieved, desired)
    )
    return task.reward(*pair).numpy()[()]


def worlds_of(mask: ArrayLike, worlds: int) -> Tensor:
    """Return the indices of the worlds in a mask.

    Raises:
        UserError: for another shape or type, or an empty mask.
    """
    chosen = np.asarray(mask)
    if chosen.shape != (worlds,) or chosen.dtype != np.bool_ or not chosen.any():
        raise UserError(
            f"reset_mask of shape {chosen.shape} and type {chosen.dtype}; wanted "
            f"({worlds},) bool with at least one world to reset"
        )
    return torch.from_numpy(np.flatnonzero(chosen))


def final_info(
    view: View, obs: Obs, success: NDArray[np.bool_], done: NDArray[np.bool_]
) -> Info:
    """Return last observations and infos of worlds that are done, in Gymnasium's form."""
    final_obs = np.full(len(done), None, dtype=object)
    for world in np.flatnonzero(done):
        final_obs[world] = view.observation(obs, int(world))
    inner = {"is_success": success & done, "_is_success": done.copy()}
    return {
        "final_obs": final_obs,
        "_final_obs": done.copy(),
        "final_info": inner,
        "_final_info": done.copy(),
    }

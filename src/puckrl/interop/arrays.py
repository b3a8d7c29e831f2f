"""Convert Gymnasium's arrays to our tensors, and back."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from puckrl.core.arguments import check
from puckrl.core.errors import UserError, unknown
from puckrl.core.types import Obs
from puckrl.interop.view import View
from puckrl.tasks.task import Task

Action = NDArray[Any]
Info = dict[str, Any]


def to_actions(actions: Action) -> Tensor:
    """Convert actions to float32.

    Raises:
        UserError: for NaN or infinity.
    """
    if not np.isfinite(actions).all():
        raise UserError(f"actions are not finite: {actions}; legal: from -1 to 1")
    return torch.from_numpy(np.ascontiguousarray(actions, dtype=np.float32))


def options_of(options: dict[str, Any] | None, *legal: str) -> dict[str, Any]:
    """Return the options of a reset.

    Raises:
        UserError: for an option that would have no effect.
    """
    given = {} if options is None else options
    check("options", given, dict)
    for name in given.keys() - {*legal, *_OF_WRAPPERS}:
        raise unknown("option of reset", str(name), legal)
    return given


_OF_WRAPPERS = ("minari_autoseed",)
"""Options that wrappers read and pass on."""


def goals_of(goal: ArrayLike, shape: tuple[int, ...]) -> Tensor:
    """Return goals of this shape as float64; one goal may serve many worlds.

    Raises:
        UserError: for another shape, or anything but finite numbers.
    """
    given = np.asarray(goal)
    if not np.issubdtype(given.dtype, np.number) or given.shape not in (
        shape,
        shape[-1:],
    ):
        raise UserError(
            f"goal of shape {given.shape} and type {given.dtype}; wanted {shape} numbers"
        )
    if not np.isfinite(given).all():
        raise UserError(f"goal {given} is not finite")
    return torch.from_numpy(np.broadcast_to(given, shape).astype(np.float64))


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

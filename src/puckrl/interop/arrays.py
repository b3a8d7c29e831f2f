"""Convert Gymnasium's arrays to our tensors, and back."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from puckrl.core.arguments import check
from puckrl.core.errors import UserError, first_line, unknown
from puckrl.core.types import Obs
from puckrl.interop.view import View
from puckrl.tasks.task import Task

Action = NDArray[Any]
Info = dict[str, Any]


def to_actions(actions: ArrayLike) -> Tensor:
    """Convert actions to float32.

    Raises:
        UserError: for anything but finite numbers.
    """
    given = numbers_of(actions, "actions")
    if not np.isfinite(given).all():
        raise UserError(
            f"actions are not finite: {given.tolist()}; legal: from -1 to 1"
        )
    return torch.from_numpy(np.ascontiguousarray(given, dtype=np.float32))


def numbers_of(given: ArrayLike, name: str) -> NDArray[Any]:
    """Return an array of real numbers, whatever holds them.

    Raises:
        UserError: for anything else, such as text, None, or rows of several lengths.
    """
    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} of no one shape: {first_line(error)}") from error
    if array.dtype.kind not in "iuf":
        raise UserError(f"{name} of type {array.dtype}; wanted: real numbers")
    return array


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
    given = numbers_of(goal, "goal")
    if given.shape not in (shape, shape[-1:]):
        raise UserError(f"goal of shape {given.shape}; wanted {shape}")
    if not np.isfinite(given).all():
        raise UserError(f"goal {given} is not finite")
    return torch.from_numpy(np.broadcast_to(given, shape).astype(np.float64))


def rewards_of(task: Task, achieved: ArrayLike, desired: ArrayLike) -> Any:
    """Return rewards of numpy goals; a plain number for a single pair.

    Raises:
        UserError: for anything but goals of the task, one for one, or one for all.
    """
    one, two = numbers_of(achieved, "achieved goals"), numbers_of(desired, "goals")
    size = task.spaces.goal_dim
    if {one.shape[-1:], two.shape[-1:]} != {(size,)} or not _fit(one, two):
        raise UserError(
            f"goals of shapes {one.shape} and {two.shape}; wanted (..., {size}) twice"
        )
    pair = (torch.from_numpy(goal.astype(np.float64)) for goal in (one, two))
    return task.reward(*pair).numpy()[()]


def _fit(one: NDArray[Any], two: NDArray[Any]) -> bool:
    """Return whether two arrays have one shape after broadcasting."""
    sizes = zip(reversed(one.shape), reversed(two.shape), strict=False)
    return all(a == b or 1 in (a, b) for a, b in sizes)


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

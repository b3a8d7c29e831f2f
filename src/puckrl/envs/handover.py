"""Check what goes in and out of an environment, and own what a task returns."""

import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Obs
from puckrl.tasks.task import Task


def owned(task: Task, worlds: int) -> Obs:
    """Return state and achieved goal of all worlds, as copies.

    A task may return a view of the simulation or of a buffer of its own, which its next step
    overwrites; what was handed out stays as it was.

    Raises:
        UserError: if one has another shape than the task's ``spaces`` say.
    """
    state, achieved = task.state(), task.achieved_goal()
    _check(task, "state", state, (worlds, task.spaces.state_dim), "state_dim")
    _check(task, "achieved_goal", achieved, (worlds, task.spaces.goal_dim), "goal_dim")
    return {
        "state": state.detach().clone(),
        "achieved_goal": achieved.detach().clone(),
    }


def check_goals(task: Task, goals: Tensor, worlds: int) -> None:
    """Check the goals that a reset of some worlds returned.

    Raises:
        UserError: if they have another shape than the task's ``spaces`` say.
    """
    _check(task, "reset", goals, (worlds, task.spaces.goal_dim), "goal_dim")


def check_action(action: object, shape: tuple[int, int]) -> None:
    """Check the actions of a control step.

    Raises:
        UserError: for anything but a tensor of real numbers of this shape.
    """
    if not isinstance(action, Tensor):
        kind = type(action).__name__
        raise UserError(
            f"actions are a {kind}; wanted: a torch.Tensor {shape}, such as "
            "torch.as_tensor(actions)"
        )
    if tuple(action.shape) != shape:
        raise UserError(f"actions of shape {tuple(action.shape)}; wanted {shape}")


def check_worlds(worlds: object, count: int) -> None:
    """Check indices of worlds.

    Raises:
        UserError: for a mask, or anything but indices of these worlds.
    """
    legal = f"legal: a torch.Tensor of indices, int64, 0 to {count - 1}"
    if not isinstance(worlds, Tensor) or worlds.dtype != torch.int64:
        given = worlds.dtype if isinstance(worlds, Tensor) else type(worlds).__name__
        raise UserError(
            f"worlds to reset are {given}; {legal}; turn a mask into indices: "
            "mask.nonzero()[:, 0]"
        )
    if worlds.dim() != 1 or bool(((worlds < 0) | (worlds >= count)).any()):
        raise UserError(f"worlds to reset are {worlds.tolist()}; {legal}")


def _check(
    task: Task, method: str, value: Tensor, shape: tuple[int, int], size: str
) -> None:
    """Raise ``UserError`` if a result has another shape."""
    if tuple(value.shape) != shape:
        raise UserError(
            f"{type(task).__name__}.{method}() returned shape {tuple(value.shape)}, not "
            f"{shape}: a row for each world, {size} columns; correct it or spaces.{size}"
        )

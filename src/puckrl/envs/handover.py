"""Take what a task returns into the environment's own memory, in the sizes it declares."""

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


def _check(
    task: Task, method: str, value: Tensor, shape: tuple[int, int], size: str
) -> None:
    """Raise ``UserError`` if a result has another shape."""
    if tuple(value.shape) != shape:
        raise UserError(
            f"{type(task).__name__}.{method}() returned shape {tuple(value.shape)}, not "
            f"{shape}: a row for each world, {size} columns; correct it or spaces.{size}"
        )

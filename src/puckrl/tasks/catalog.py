"""Find a task by name, or in a file of yours."""

import inspect
from typing import Any, TypeGuard

from puckrl.core.errors import UserError, class_missing, unknown
from puckrl.tasks.fetch.pick_place import FetchPickAndPlace
from puckrl.tasks.fetch.push import FetchPush
from puckrl.tasks.fetch.reach import FetchReach
from puckrl.tasks.fetch.slide import FetchSlide
from puckrl.tasks.guard import checked, guarded
from puckrl.tasks.params import TaskParams
from puckrl.tasks.peg.insert import PegInsert
from puckrl.tasks.source import load, split_name
from puckrl.tasks.task import RewardKind, Task

FETCH: dict[str, type[Task]] = {
    "reach": FetchReach,
    "push": FetchPush,
    "slide": FetchSlide,
    "pick-place": FetchPickAndPlace,
}
"""The tasks of gymnasium-robotics."""
TASKS: dict[str, type[Task]] = {**FETCH, "peg-insert": PegInsert}


def make_task(
    name: str, reward: RewardKind = "sparse", params: TaskParams | None = None
) -> Task:
    """Make a task by name, or from a file: ``path/to/my_task.py:MyTask``.

    Args:
        name: of the task.
        reward: kind of the reward.
        params: the task's own settings; None: its defaults.

    Raises:
        UserError: for an unknown name, a missing file or class, or a class that is no
            Task, lacks a part of one, or has a part of a wrong kind. The methods of a task
            from a file raise nothing else: a line names the method. For settings that the
            task does not have, or that are out of range.
    """
    if ":" in name:
        task = _from_file(name)
        return checked(task, *_arguments(name, task, reward, params))
    if name not in TASKS:
        raise class_missing(name) or unknown(
            "task", name, [*TASKS, "path/to/file.py:ClassName"]
        )
    task: Any = TASKS[name]  # a task with settings takes one argument more
    return task(*_arguments(name, task, reward, params))


def _arguments(
    name: str, task: type[Task], reward: RewardKind, params: TaskParams | None
) -> tuple[Any, ...]:
    """Return the arguments that make a task."""
    if params is None:
        return (reward,)
    if task.params_type is not type(params):
        own = task.params_type.__name__ if task.params_type else "none"
        raise UserError(
            f"task {name} does not take the settings --params of {type(params).__name__}; "
            f"its own: {own}; begin with a preset of that task: puck list"
        )
    return reward, params


def _from_file(name: str) -> type[Task]:
    """Return the task class behind ``file.py:Class``, its methods guarded."""
    path, attribute = split_name(name)
    module = load(path)
    found = getattr(module, attribute, None)
    if not _is_task(found):
        tasks = [n for n, c in vars(module).items() if _is_task(c)]
        raise UserError(
            f"{attribute!r} in {str(path)!r} is not a puckrl Task; "
            f"tasks there: {', '.join(tasks) or 'none'}"
        )
    if missing := sorted(found.__abstractmethods__):
        raise UserError(f"{attribute!r} in {str(path)!r} lacks: {', '.join(missing)}")
    return guarded(found, path)


def _is_task(thing: object) -> TypeGuard[type[Task]]:
    """Tell whether a value of a module is a task class, other than ``Task`` itself."""
    return inspect.isclass(thing) and issubclass(thing, Task) and thing is not Task

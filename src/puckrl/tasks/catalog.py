"""Find a task by name, by entry point, or in a file of yours."""

from typing import Any

from puckrl.core.errors import UserError
from puckrl.core.registry import file_of, find_class
from puckrl.core.source import split_name
from puckrl.tasks.fetch.pick_place import FetchPickAndPlace
from puckrl.tasks.fetch.push import FetchPush
from puckrl.tasks.fetch.reach import FetchReach
from puckrl.tasks.fetch.slide import FetchSlide
from puckrl.tasks.guard import checked, guarded
from puckrl.tasks.params import TaskParams
from puckrl.tasks.peg.insert import PegInsert
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
    """Make a task by name, by entry point, or from a file: ``path/to/my_task.py:MyTask``.

    Args:
        name: of the task.
        reward: kind of the reward.
        params: the task's own settings; None: its defaults.

    Raises:
        UserError: for an unknown name, a missing file or class, or a class that is no
            Task, lacks a part of one, or has a part of a wrong kind. The methods of a task
            from elsewhere raise nothing else: a line names the method. For settings that
            the task does not have, or that are out of range.
    """
    if name not in TASKS:
        task = _provided(name)
        return checked(task, *_arguments(name, task, reward, params))
    known: Any = TASKS[name]  # a task with settings takes one argument more
    return known(*_arguments(name, known, reward, params))


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


def _provided(name: str) -> type[Task]:
    """Return a task class of a file or an entry point, its methods guarded."""
    found: type[Task] = find_class("task", name, Task, TASKS)
    if missing := sorted(found.__abstractmethods__):
        where = f" in {name.rpartition(':')[0]!r}" if ":" in name else ""
        raise UserError(f"{found.__name__!r}{where} lacks: {', '.join(missing)}")
    file = split_name(name)[0] if ":" in name else file_of(found)
    return guarded(found, file)

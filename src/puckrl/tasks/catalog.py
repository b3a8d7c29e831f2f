"""Find a task by name, or in a file of yours."""

import inspect
from typing import TypeGuard

from puckrl.core.errors import UserError, class_missing, unknown
from puckrl.tasks.fetch.pick_place import FetchPickAndPlace
from puckrl.tasks.fetch.push import FetchPush
from puckrl.tasks.fetch.reach import FetchReach
from puckrl.tasks.fetch.slide import FetchSlide
from puckrl.tasks.guard import checked, guarded
from puckrl.tasks.source import load, split_name
from puckrl.tasks.task import RewardKind, Task

TASKS: dict[str, type[Task]] = {
    "reach": FetchReach,
    "push": FetchPush,
    "slide": FetchSlide,
    "pick-place": FetchPickAndPlace,
}


def make_task(name: str, reward: RewardKind = "sparse") -> Task:
    """Make a task by name, or from a file: ``path/to/my_task.py:MyTask``.

    Raises:
        UserError: for an unknown name, a missing file or class, or a class that is no
            Task, lacks a part of one, or has a part of a wrong kind. The methods of a task
            from a file raise nothing else: a line names the method.
    """
    if ":" in name:
        return checked(_from_file(name), reward)
    if name not in TASKS:
        raise class_missing(name) or unknown(
            "task", name, [*TASKS, "path/to/file.py:ClassName"]
        )
    return TASKS[name](reward)


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

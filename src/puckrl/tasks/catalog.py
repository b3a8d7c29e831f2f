"""Find a task by name, by entry point, or in a file of yours."""

from puckrl.core.errors import UserError
from puckrl.core.registry import file_of, find_class
from puckrl.core.source import split_name
from puckrl.tasks.fetch.pick_place import FetchPickAndPlace
from puckrl.tasks.fetch.push import FetchPush
from puckrl.tasks.fetch.reach import FetchReach
from puckrl.tasks.fetch.slide import FetchSlide
from puckrl.tasks.guard import checked, guarded
from puckrl.tasks.task import RewardKind, Task

TASKS: dict[str, type[Task]] = {
    "reach": FetchReach,
    "push": FetchPush,
    "slide": FetchSlide,
    "pick-place": FetchPickAndPlace,
}


def make_task(name: str, reward: RewardKind = "sparse") -> Task:
    """Make a task by name, by entry point, or from a file: ``path/to/my_task.py:MyTask``.

    Raises:
        UserError: for an unknown name, a missing file or class, or a class that is no
            Task, lacks a part of one, or has a part of a wrong kind. The methods of a task
            from elsewhere raise nothing else: a line names the method.
    """
    if name in TASKS:
        return TASKS[name](reward)
    return checked(_provided(name), reward)


def _provided(name: str) -> type[Task]:
    """Return a task class of a file or an entry point, its methods guarded."""
    found: type[Task] = find_class("task", name, Task, TASKS)
    if missing := sorted(found.__abstractmethods__):
        where = f" in {name.rpartition(':')[0]!r}" if ":" in name else ""
        raise UserError(f"{found.__name__!r}{where} lacks: {', '.join(missing)}")
    file = split_name(name)[0] if ":" in name else file_of(found)
    return guarded(found, file)

"""Finding a task by name, or in a file of the user's."""

import importlib.util
import inspect
from pathlib import Path

from puckrl.core.errors import UserError, unknown
from puckrl.tasks.fetch.pick_place import FetchPickAndPlace
from puckrl.tasks.fetch.push import FetchPush
from puckrl.tasks.fetch.reach import FetchReach
from puckrl.tasks.fetch.slide import FetchSlide
from puckrl.tasks.task import RewardKind, Task

TASKS: dict[str, type[Task]] = {
    "reach": FetchReach,
    "push": FetchPush,
    "slide": FetchSlide,
    "pick-place": FetchPickAndPlace,
}


def make_task(name: str, reward: RewardKind = "sparse") -> Task:
    """A fresh task by name, or from a file: ``path/to/my_task.py:MyTask``.

    Raises:
        UserError: unknown name, missing file or class, or a class that is no Task.
    """
    if ":" in name:
        return _from_file(name)(reward)
    if name not in TASKS:
        raise unknown("task", name, [*TASKS, "path/to/file.py:ClassName"])
    return TASKS[name](reward)


def _from_file(name: str) -> type[Task]:
    """The task class behind ``file.py:Class``."""
    file, _, attribute = name.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise UserError(f"no file {file!r}; write path/to/file.py:ClassName")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{file!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, attribute, None)
    if not (inspect.isclass(found) and issubclass(found, Task)):
        tasks = [n for n, c in vars(module).items() if _is_task(c)]
        raise UserError(
            f"{attribute!r} in {file!r} is not a puckrl Task; "
            f"tasks there: {', '.join(tasks) or 'none'}"
        )
    return found


def _is_task(thing: object) -> bool:
    """Whether a module's value is a concrete task class."""
    return inspect.isclass(thing) and issubclass(thing, Task) and thing is not Task

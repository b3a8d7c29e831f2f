"""Find a task by name, or in a file of yours."""

import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

from puckrl.core.errors import UserError, class_missing, unknown
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
    """Make a task by name, or from a file: ``path/to/my_task.py:MyTask``.

    Raises:
        UserError: for an unknown name, a missing file or class, or a class that is no
            Task or lacks a part of one.
    """
    if ":" in name:
        task = _from_file(name)(reward)
        if not hasattr(task, "spaces"):
            raise UserError(f"{name!r} lacks: spaces = Spaces(state_dim=..., ...)")
        return task
    if name not in TASKS:
        raise class_missing(name) or unknown(
            "task", name, [*TASKS, "path/to/file.py:ClassName"]
        )
    return TASKS[name](reward)


def _from_file(name: str) -> type[Task]:
    """Return the task class behind ``file.py:Class``."""
    file, _, attribute = name.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise UserError(f"no file {file!r}; write path/to/file.py:ClassName")
    module = _load(path)
    found = getattr(module, attribute, None)
    if not _is_task(found):
        tasks = [n for n, c in vars(module).items() if _is_task(c)]
        raise UserError(
            f"{attribute!r} in {file!r} is not a puckrl Task; "
            f"tasks there: {', '.join(tasks) or 'none'}"
        )
    if missing := sorted(found.__abstractmethods__):
        raise UserError(f"{attribute!r} in {file!r} lacks: {', '.join(missing)}")
    return found


def _load(path: Path) -> ModuleType:
    """Run a Python file as a module.

    Raises:
        UserError: if the file raises; it names the error and its line.
    """
    name = f"puckrl_task_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{str(path)!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # dataclasses look up the module of the class that they decorate
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{path}, line {_line(path, error)}: {reason}") from error
    return module


def _line(path: Path, error: Exception) -> int:
    """Return the last line of the file on the way to an error."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 1 for f in reversed(frames) if f.filename == str(path)), 1)


def _is_task(thing: object) -> TypeGuard[type[Task]]:
    """Tell whether a value of a module is a task class, other than ``Task`` itself."""
    return inspect.isclass(thing) and issubclass(thing, Task) and thing is not Task

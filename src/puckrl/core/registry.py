"""Find classes that others provide: by entry point, or in a Python file.

    [project.entry-points."puckrl.encoders"]       of an installed package
    blobs = "my_package.eyes:Blobs"                legal wherever "padded" is

    path/to/file.py:Blobs                          a class in a file, installed nowhere

There is a group for each kind: ``puckrl.tasks``, ``puckrl.encoders``, ``puckrl.agents``,
``puckrl.objectives``.
"""

import inspect
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

from puckrl.core.errors import UserError, class_missing, said, unknown
from puckrl.core.source import load, split_name

T = TypeVar("T")

FILE_FORM = "path/to/file.py:ClassName"


def group_of(kind: str) -> str:
    """Return the group of entry points of a kind: ``puckrl.tasks`` of "task"."""
    return f"puckrl.{kind}s"


def provided(kind: str) -> list[str]:
    """Return the names that installed packages provide; nothing of theirs is loaded."""
    return sorted({point.name for point in entry_points(group=group_of(kind))})


def find_class(kind: str, name: str, base: type[T], builtin: Iterable[str]) -> type[T]:
    """Return a class that a package or a file provides.

    Args:
        kind: task, encoder, agent or objective.
        name: of an entry point, or ``path/to/file.py:ClassName``.
        base: what the class must be a subclass of.
        builtin: names of puckrl's own, for the message about an unknown name.

    Raises:
        UserError: for an unknown name, a missing file, an entry point or a file that
            cannot be loaded, or something else than a class of this kind.
    """
    if ":" in name:
        return _from_file(kind, name, base)
    points = [*entry_points(group=group_of(kind), name=name)]
    if not points:
        legal = [*builtin, *provided(kind), FILE_FORM]
        raise class_missing(name, kind) or unknown(kind, name, legal)
    if len({point.value for point in points}) > 1:
        owners = ", ".join(sorted(f"{_owner(p)} ({p.value})" for p in points))
        raise UserError(
            f"several packages provide {kind} {name!r}: {owners}; uninstall all but one"
        )
    return _from_entry_point(kind, points[0], base)


def file_of(found: type) -> Path:
    """Return the file in which a class is defined."""
    return Path(inspect.getfile(found))


def _from_entry_point(kind: str, point: EntryPoint, base: type[T]) -> type[T]:
    """Load an entry point."""
    what = f"{kind} {point.name!r} of {_owner(point)} ({point.value})"
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        raise UserError(
            f"{what} cannot be loaded: {type(error).__name__}: {said(error)}; reinstall "
            "or uninstall that package"
        ) from error
    if not _is_one(found, base):
        raise UserError(
            f"{what} is no subclass of {_path(base)}; its package is broken"
        )
    return found


def _from_file(kind: str, name: str, base: type[T]) -> type[T]:
    """Load a class of a file."""
    path, attribute = split_name(name)
    module = load(path)
    found: Any = getattr(module, attribute, None)
    if _is_one(found, base):
        return found
    own = [
        n
        for n, c in vars(module).items()
        if _is_one(c, base) and c.__module__ == module.__name__
    ]
    raise UserError(
        f"{attribute!r} in {str(path)!r} is no {kind}, a subclass of {_path(base)}; "
        f"{kind}s there: {', '.join(own) or 'none'}"
    )


def _is_one(thing: object, base: type) -> bool:
    """Return whether a thing is a class of the kind, other than the base itself."""
    return inspect.isclass(thing) and issubclass(thing, base) and thing is not base


def _owner(point: EntryPoint) -> str:
    """Return the package that provides an entry point, with its version."""
    dist = point.dist
    return "an unknown package" if dist is None else f"{dist.name} {dist.version}"


def _path(base: type) -> str:
    return f"{base.__module__}.{base.__qualname__}"

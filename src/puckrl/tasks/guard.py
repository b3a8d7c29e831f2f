"""Turn what goes wrong inside a user's task into one line that names the part.

A class of a user's file gets a subclass whose methods call the user's: an error in one is
told with the file's line, a result of a wrong kind with the method that returned it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import signature
from math import inf
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeGuard

import mujoco
import torch
from torch import Tensor

from puckrl.core.errors import UserError, out_of_memory, said
from puckrl.core.source import place
from puckrl.core.spec import ActionNumber, Column, Description
from puckrl.core.types import Sensor, Spaces
from puckrl.sim.scene import where_to_look
from puckrl.sim.viewpoints import FreeViewpoint, Viewpoint
from puckrl.tasks.sanity import Landmark, Sanity
from puckrl.tasks.task import Task

_MOST_SUBSTEPS, _MOST = 100_000, 1_000_000  # beyond these nothing ends

_Check = Callable[[Any, tuple[Any, ...]], str | None]
"""Return what a result should be, if it is not: from the result and the arguments."""


def guarded(task: type[Task], file: Path) -> type[Task]:
    """Return a subclass of a task whose methods raise ``UserError`` only.

    Args:
        task: a class of a user's file.
        file: the file, as the user writes it.

    Raises:
        UserError: if a name of a method has another value.
    """
    for name in _RESULTS:
        if not callable(getattr(task, name)):
            raise UserError(f"{file}: {task.__name__}.{name} is not a method")
    body: dict[str, Any] = {"__module__": task.__module__, "__doc__": task.__doc__}
    body |= {name: _guard(task, name, file) for name in _RESULTS}
    body["__init__"] = _guard(task, "__init__", file)
    metaclass: Any = type(task)
    return metaclass(task.__name__, (task,), body)


def checked(task: type[Task], *arguments: Any) -> Task:
    """Make a guarded task, and check the kinds of its attributes.

    Raises:
        UserError: for a task that cannot be made, or an attribute of a wrong kind.
    """
    made, name = task(*arguments), task.__name__
    if not hasattr(made, "spaces"):
        raise UserError(f"{name} lacks: spaces = Spaces(state_dim=..., ...)")
    for part, (legal, is_legal) in _ATTRIBUTES.items():
        try:
            value = getattr(made, part)
        except Exception as error:
            raise UserError(f"{name}.{part}: {_told(error)}") from error
        if not is_legal(value):
            raise UserError(f"{name}.{part} is {_kind(value)}; legal: {legal}")
    for part in ("state_dim", "goal_dim", "action_dim", "horizon"):
        value = getattr(made.spaces, part)
        if not (_is_count(value) and value <= _MOST):
            legal = f"a whole number, 1 to {_MOST:,}"
            raise UserError(f"{name}.spaces.{part} is {value!r}; legal: {legal}")
    return made


def columns_missing(spaces: Spaces) -> str | None:
    """Return a line about the first sensor with a column that the state lacks."""
    for name, sensor in spaces.sensors.items():
        for column in sensor.columns:
            if not 0 <= column < spaces.state_dim:
                return (
                    f"spaces: sensor {name!r} has column {column}; "
                    f"legal: 0 to {spaces.state_dim - 1}"
                )
    return None


def _guard(task: type[Task], name: str, file: Path) -> Callable[..., Any]:
    """Return a method that calls the user's and tells what goes wrong inside."""
    method, wanted = getattr(task, name), _RESULTS.get(name)
    names = [*signature(getattr(Task, name)).parameters][1:]

    @wraps(method)
    def guard(self: Task, *args: Any, **kwargs: Any) -> Any:
        try:
            # static methods, too, are found from the instance
            result = getattr(super(type(self), self), name)(*args, **kwargs)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, Exception) and out_of_memory(error):
                raise
            call = f"{task.__name__}.{name}({_shapes(names, args)})"
            what = f"{_told(error)}{where_to_look(error, file.parent)}"
            raise UserError(f"{place(file, error) or file}: {call}: {what}") from error
        if wanted is not None and (legal := wanted(result, args)):
            raise UserError(
                f"{file}: {task.__name__}.{name}({_shapes(names, args)}) returned "
                f"{_kind(result)}; wanted: {legal}"
            )
        return result

    return guard


def _told(error: BaseException) -> str:
    """Return kind and message of an error in one line."""
    kind, text = type(error).__name__, said(error)
    return text if text == kind else f"{kind}: {text}"


def _shapes(names: list[str], args: tuple[Any, ...]) -> str:
    """Return the tensors among a method's arguments, by name and shape."""
    return ", ".join(
        f"{name} {tuple(value.shape)}"
        for name, value in zip(names, args, strict=False)
        if isinstance(value, Tensor)
    )


def _kind(value: object) -> str:
    """Return what a value is, in a word or two."""
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)} of {str(value.dtype).partition('.')[2]}"
    if isinstance(value, str | int | float | None):
        return repr(value)[:40]
    kind = type(value)
    return f"a {kind.__qualname__} of {kind.__module__.partition('.')[0]}"


def _is_count(value: Any) -> bool:
    """Return whether a value is a whole number above 0."""
    return (
        isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0
    )


def _is_length(value: Any) -> bool:
    """Return whether a value is a finite number above 0."""
    return isinstance(value, Real) and 0 < float(value) < inf


def _is_spaces(value: object) -> bool:
    """Return whether sizes come with sensors of whole columns."""
    if not isinstance(value, Spaces) or not isinstance(value.sensors, Mapping):
        return False
    return all(
        isinstance(sensor, Sensor) and _are_numbers(sensor.columns, Integral)
        for sensor in value.sensors.values()
    )


def _are_numbers(value: object, kind: type = Real) -> TypeGuard[Sequence[Any]]:
    """Return whether a value is a sequence of numbers."""
    return isinstance(value, Sequence) and all(isinstance(x, kind) for x in value)


def _is_sanity(value: object) -> bool:
    """Return whether a value holds ranges, and landmarks with as many bounds as columns."""
    if not isinstance(value, Sanity):
        return False
    if not (_is_length(value.rest_drift_m) and _is_length(value.moved_m)):
        return False
    ranges = [
        value.random_moved,
        value.random_success,
        value.distinct_resets,
        value.goal_spread,
        value.reset_success,
        value.expert_success,
    ]
    return all(_are_numbers(pair) and len(pair) == 2 for pair in ranges) and all(
        isinstance(mark, Landmark)
        and _are_numbers(mark.columns, Integral)
        and _are_numbers(mark.low_m)
        and _are_numbers(mark.high_m)
        and len(mark.columns) == len(mark.low_m) == len(mark.high_m)
        for mark in value.landmarks
    )


def _is_bounds(value: object) -> bool:
    """Return whether a value is a smaller and a larger number, or None."""
    if value is None:
        return True
    return _are_numbers(value) and len(value) == 2 and value[0] < value[1]


def _is_view(view: object) -> bool:
    """Return whether a value is a viewpoint that looks somewhere, not straight down."""
    if not isinstance(view, Viewpoint):
        return isinstance(view, FreeViewpoint)
    points = (view.pos_m, view.look_at_m)
    return (
        all(_are_numbers(point) and len(point) == 3 for point in points)
        and tuple(view.pos_m[:2]) != tuple(view.look_at_m[:2])
        and _is_length(view.fovy_deg)
        and view.fovy_deg < 180
        and isinstance(view.body, str)
    )


def _are_views(value: object) -> bool:
    """Return whether a value maps names to viewpoints."""
    return isinstance(value, Mapping) and all(_is_view(view) for view in value.values())


_VIEW = (
    "a puckrl.tasks.Viewpoint((x, y, z), (x, y, z), degrees), not looking straight down"
)
_ATTRIBUTES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "spaces": ("a puckrl.tasks.Spaces with a dict of puckrl.tasks.Sensor", _is_spaces),
    "substeps": (
        f"a whole number, 1 to {_MOST_SUBSTEPS:,}",
        lambda value: _is_count(value) and value <= _MOST_SUBSTEPS,
    ),
    "goal_tol_m": ("a number of meters above 0", _is_length),
    "marker_radius_m": ("a number of meters above 0", _is_length),
    "sanity": ("a puckrl.tasks.Sanity with ranges (low, high)", _is_sanity),
    "film_view": (_VIEW, _is_view),
    "viewpoints": (f"a dict; each value {_VIEW}", _are_views),
    "contact_sets": (
        "a tuple of names",
        lambda value: (
            isinstance(value, tuple) and all(isinstance(x, str) for x in value)
        ),
    ),
    "reward_kind": (
        "sparse or dense; call super().__init__(reward) in __init__",
        lambda value: value in ("sparse", "dense"),
    ),
    "reward_bounds": ("(smallest, largest), or None", _is_bounds),
    "success_reward": (
        "a number, or None",
        lambda value: value is None or isinstance(value, Real),
    ),
}
"""What is legal for each attribute of a task, in words and as a test."""


def _scene(result: Any, args: tuple[Any, ...]) -> str | None:
    """A scene is a specification, since cameras are added to it."""
    legal = "a mujoco.MjSpec, as from mujoco.MjSpec.from_string(xml)"
    return None if isinstance(result, mujoco.MjSpec) else legal


def _numbers(result: Any, args: tuple[Any, ...]) -> str | None:
    """Observations and goals are tables of floating-point numbers."""
    if isinstance(result, Tensor) and result.is_floating_point():
        return None
    return "a torch.Tensor of floats, a row for each world"


def _maybe_numbers(result: Any, args: tuple[Any, ...]) -> str | None:
    """An expert may have nothing to say."""
    return None if result is None else _numbers(result, args)


def _per_goal(result: Any, args: tuple[Any, ...]) -> str | None:
    """Functions of goals return one number for each pair."""
    legal = "a torch.Tensor of real numbers"
    if not isinstance(result, Tensor) or result.is_complex():
        return legal
    if not args or not isinstance(args[0], Tensor):
        return None
    shape = tuple(args[0].shape[:-1])
    return None if tuple(result.shape) == shape else f"{legal}, shape {shape}"


def _per_goal_bool(result: Any, args: tuple[Any, ...]) -> str | None:
    """Answers about goals are flags."""
    if isinstance(result, Tensor) and result.dtype != torch.bool:
        return "a torch.Tensor of bool"
    return _per_goal(result, args)


def _description(result: Any, args: tuple[Any, ...]) -> str | None:
    """A description holds one entry for each number; the contract compares the lengths."""
    legal = "a puckrl.tasks.Description of Column and ActionNumber"
    if not isinstance(result, Description):
        return legal
    columns = (*result.state, *result.goal)
    sound = all(isinstance(c, Column) for c in columns) and all(
        isinstance(n, ActionNumber) for n in result.action
    )
    return None if sound else legal


def _anything(result: Any, args: tuple[Any, ...]) -> None:
    """Nobody reads the result."""
    return


def _maybe_flags(result: Any, args: tuple[Any, ...]) -> str | None:
    """Ends of episodes are flags, if a task has any."""
    legal = "a torch.Tensor of bool, one for each world, or None"
    flags = isinstance(result, Tensor) and result.dtype == torch.bool
    return None if result is None or (flags and result.dim() == 1) else legal


def _flags(result: Any, args: tuple[Any, ...]) -> str | None:
    """Physics says of each world whether it failed."""
    legal = "what sim.step returns: a torch.Tensor of bool, one for each world"
    return legal if result is None or _maybe_flags(result, args) else None


def _measured(result: Any, args: tuple[Any, ...]) -> str | None:
    """Measurements have names, and a number for each world."""
    sound = isinstance(result, Mapping) and all(
        isinstance(value, Tensor) and value.dim() == 1 for value in result.values()
    )
    return None if sound else "a dict of torch.Tensor, a number for each world"


_RESULTS: dict[str, _Check] = {
    "scene": _scene,
    "limited_scene": _scene,
    "bind": _anything,
    "reset": _numbers,
    "apply": _anything,
    "advance": _flags,
    "settle": _anything,
    "state": _numbers,
    "achieved_goal": _numbers,
    "distance": _per_goal,
    "reward": _per_goal,
    "success": _per_goal_bool,
    "terminated": _per_goal_bool,
    "failed": _maybe_flags,
    "metrics": _measured,
    "expert": _maybe_numbers,
    "describe": _description,
    "marker_pos_m": _numbers,
}
"""What each method of a task returns."""

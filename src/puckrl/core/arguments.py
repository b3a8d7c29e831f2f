"""Check arguments of public functions as settings are checked: what is legal stands on each.

    @checked
    def make(num_worlds: Annotated[int, COUNT] = 1, reward: RewardKind = "sparse") -> Worlds

    make(0)                  num_worlds=0; legal: a whole number from 1 on
    make(reward="Dense")     reward='Dense'; legal: sparse, dense

A type checker reads the hints before a program runs, and most people run none.
"""

import dataclasses
import functools
import inspect
import math
import sys
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral, Real
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from puckrl.core.errors import UserError
from puckrl.core.settings import Bounds

_Args = ParamSpec("_Args")
_Result = TypeVar("_Result")

_WORDS: dict[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    type(None): "None",
}


def checked(function: Callable[_Args, _Result]) -> Callable[_Args, _Result]:
    """Return the function with its arguments checked against their hints.

    Sections, such as ``PixelsCfg``, are checked field by field. Hints that are not
    understood (protocols, functions) accept everything.

    Raises:
        UserError: when it is called with an argument that is not legal.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: _Args.args, **kwargs: _Args.kwargs) -> _Result:
        hints = _hints(function)
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            kind = signature.parameters[name].kind
            if kind not in (inspect.Parameter.VAR_POSITIONAL, _REST) and name in hints:
                check(name, value, hints[name])
        return function(*args, **kwargs)

    return call


_REST = inspect.Parameter.VAR_KEYWORD


def check(name: str, value: object, hint: Any) -> None:
    """Refuse a value that its hint forbids.

    Raises:
        UserError: it names the value and what is legal.
    """
    if not allows(hint, value):
        legal = ", ".join(dict.fromkeys(_legal(hint)))
        raise UserError(f"{name}={value!r}; legal: {legal}")
    if dataclasses.is_dataclass(value) and _is_section(hint):
        check_fields(value, f"{name}.")


def check_fields(section: object, prefix: str = "") -> None:
    """Refuse a field of a dataclass, or of one within it, that its hint forbids.

    Args:
        section: an instance of the dataclass.
        prefix: of the fields' names in messages, with its dot.

    Raises:
        UserError: it names the field, its value and what is legal.
    """
    for name, hint in _hints(type(section)).items():
        if typing.get_origin(hint) is not typing.ClassVar:
            check(prefix + name, getattr(section, name), hint)


@functools.cache
def _hints(of: Any) -> dict[str, Any]:
    """Return the hints of a function or class, with their notes."""
    return typing.get_type_hints(of, include_extras=True)


def _is_section(hint: Any) -> bool:
    """Return whether a hint names a dataclass, or one of several."""
    return any(map(dataclasses.is_dataclass, (hint, *_members(hint))))


def _members(hint: Any) -> tuple[Any, ...]:
    """Return the alternatives of a union; none for any other hint."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else ()


def _unnoted(hint: Any) -> tuple[Any, Bounds | None]:
    """Return a hint without its notes, and its bounds."""
    if typing.get_origin(hint) is not Annotated:
        return hint, None
    plain, *notes = typing.get_args(hint)
    return plain, next((note for note in notes if isinstance(note, Bounds)), None)


def allows(hint: Any, value: Any) -> bool:
    """Return whether a hint, with its bounds, allows a value.

    A bool is no number; numpy's numbers are numbers; NaN and infinity are none.
    """
    plain, bounds = _unnoted(hint)
    if plain is Any:
        return True
    if members := _members(plain):
        kept = (Annotated[m, bounds] if bounds else m for m in members)
        return any(allows(member, value) for member in kept)
    origin, inner = typing.get_origin(plain), typing.get_args(plain)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if origin in (tuple, Sequence, list):
        each = Annotated[inner[0], bounds] if bounds else inner[0]
        fixed = origin is tuple and Ellipsis not in inner
        return (
            _is_sequence(value, origin)
            and all(allows(each, one) for one in value)
            and not (fixed and len(value) != len(inner))
        )
    if plain in (int, float):
        return _is_number(value, plain) and (bounds is None or bounds.allows(value))
    if plain is bool:
        return _is_bool(value)
    kind = origin or plain
    understood = isinstance(kind, type) and not getattr(kind, "_is_protocol", False)
    return not understood or (value is None and kind is None) or isinstance(value, kind)


def _is_sequence(value: object, kind: Any) -> bool:
    """Return whether a value is a sequence of the kind; text is one letter after another."""
    return isinstance(value, kind) and not isinstance(value, str | bytes)


def _is_bool(value: object) -> bool:
    """Return whether a value is True or False, Python's or numpy's."""
    numpy = sys.modules.get("numpy")  # a value of numpy's exists only if it is loaded
    return isinstance(value, bool) or (numpy is not None and _is_a(value, numpy.bool_))


def _is_a(value: object, kind: type) -> bool:
    """Return whether a value is of a kind that no type checker sees."""
    return isinstance(value, kind)


def _is_number(value: object, kind: type) -> bool:
    """Return whether a value is a finite number, and whole if ``kind`` is int."""
    if _is_bool(value):
        return False
    wanted = Integral if kind is int else Real
    return isinstance(value, wanted) and math.isfinite(typing.cast(Any, value))


def _legal(hint: Any) -> Iterator[str]:
    """Yield what a hint allows, in words."""
    plain, bounds = _unnoted(hint)
    origin, inner = typing.get_origin(plain), typing.get_args(plain)
    if members := _members(plain):
        for member in members:
            numeric = bounds and member is not type(None)
            yield from _legal(Annotated[member, bounds] if numeric else member)
    elif origin is Literal:
        yield from map(str, inner)
    elif origin in (tuple, Sequence, list):
        words = " or ".join(_legal(Annotated[inner[0], bounds] if bounds else inner[0]))
        count = f"{len(inner)}: " if origin is tuple and Ellipsis not in inner else ""
        yield f"a {origin.__name__.lower()} of {count}{words}"
    elif bounds is None:
        yield _WORDS.get(plain, getattr(origin or plain, "__name__", str(plain)))
    else:
        whole = plain is int and "number" not in bounds.words
        yield f"a whole number, {bounds.words}" if whole else bounds.words

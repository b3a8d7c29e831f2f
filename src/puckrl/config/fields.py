"""Walk the settings of a configuration, with the notes on their fields.

A section is a frozen dataclass; a field of it is a setting, or a section again. Notes
are the ``Bounds`` and ``Mark`` values of ``core/settings.py``. A field may hold one of
several classes of sections; a class variable ``kind`` then tells which:

    kind: ClassVar[Literal["td3"]] = "td3"
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from puckrl.core.settings import Bounds, Mark

_Note = TypeVar("_Note", Bounds, Mark)
_Section = TypeVar("_Section")


class Declared(NamedTuple):
    """A field of a section, as its class declares it."""

    name: str
    """Of the field."""
    value_type: Any
    """Its type, without notes."""
    bounds: Bounds | None
    """Legal numbers."""
    marks: frozenset[Mark]
    """What else is noted."""
    fixed: bool
    """Whether the class sets it, as a ``ClassVar``, and no instance may change it."""

    @property
    def sections(self) -> tuple[type[Any], ...]:
        """The dataclasses that it may hold; none for a setting."""
        union = typing.get_origin(self.value_type) in (typing.Union, types.UnionType)
        members = typing.get_args(self.value_type) if union else (self.value_type,)
        return tuple(
            member
            for member in members
            if isinstance(member, type) and dataclasses.is_dataclass(member)
        )

    @property
    def optional(self) -> bool:
        """Whether it may be None."""
        return type(None) in typing.get_args(self.value_type)


class Setting(NamedTuple):
    """One setting of a configuration."""

    name: str
    """Dotted, as on the command line but for dashes."""
    value: Any
    """Its value."""
    bounds: Bounds | None
    """Legal numbers."""
    marks: frozenset[Mark]
    """Those of its field and of the sections around it."""
    value_type: Any
    """Its type, without notes."""

    @property
    def flag(self) -> str:
        """The setting as it is written on the command line."""
        return flag(self.name)


def flag(name: str) -> str:
    """Return the command-line flag of a dotted name."""
    return f"--{name.replace('_', '-')}"


@functools.cache
def declared(section: type[Any]) -> tuple[Declared, ...]:
    """Return the fields of a section's class, in their order."""
    plain = typing.get_type_hints(section)
    return tuple(
        Declared(
            name=name,
            value_type=kind,
            bounds=next(_notes(hint, Bounds), None),
            marks=frozenset(_notes(hint, Mark)),
            fixed=typing.get_origin(plain[name]) is ClassVar,
        )
        for name, hint in typing.get_type_hints(section, include_extras=True).items()
        if (kind := _setting_type(plain[name])) is not None
    )


def _setting_type(hint: Any) -> Any:
    """Return the type of a setting; None for a class variable that is none.

    A class variable is a setting if its type is a ``Literal``: the kind of a section.
    """
    if typing.get_origin(hint) is not ClassVar:
        return hint
    (kind,) = typing.get_args(hint)
    return kind if typing.get_origin(kind) is Literal else None


def _notes(hint: Any, kind: type[_Note]) -> Iterator[_Note]:
    """Yield the notes of a kind, wherever in a type they stand."""
    for note in getattr(hint, "__metadata__", ()):
        if isinstance(note, kind):
            yield note
    for inner in typing.get_args(hint):
        yield from _notes(inner, kind)


def settings(
    section: Any, prefix: str = "", marks: frozenset[Mark] = frozenset()
) -> Iterator[Setting]:
    """Yield every setting of a configuration, or of a section of it.

    Args:
        section: a dataclass instance.
        prefix: of the names, with its dot.
        marks: of the sections around it.
    """
    for field in declared(type(section)):
        name, value = prefix + field.name, getattr(section, field.name)
        inner = marks | field.marks
        if dataclasses.is_dataclass(value):
            yield from settings(value, f"{name}.", inner)
        else:
            yield Setting(name, value, field.bounds, inner, field.value_type)


def changed(
    section: _Section,
    change: Callable[[Setting], Any],
    prefix: str = "",
    marks: frozenset[Mark] = frozenset(),
) -> _Section:
    """Return a section whose settings have the values that ``change`` returns.

    Fixed settings stay as they are.
    """
    values: dict[str, Any] = {}
    for field in declared(type(section)):
        name, value = prefix + field.name, getattr(section, field.name)
        inner = marks | field.marks
        if dataclasses.is_dataclass(value):
            values[field.name] = changed(value, change, f"{name}.", inner)
        elif not field.fixed:
            values[field.name] = change(
                Setting(name, value, field.bounds, inner, field.value_type)
            )
    return dataclasses.replace(typing.cast(Any, section), **values)


def marked(section: type[Any], mark: Mark, prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of marked settings, and of marked sections, of a class.

    Where a section may be one of several classes, all of them count.
    """
    for field in declared(section):
        name = prefix + field.name
        if mark in field.marks:
            yield name
        for inner in field.sections:
            yield from marked(inner, mark, f"{name}.")

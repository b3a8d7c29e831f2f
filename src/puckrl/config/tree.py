"""Turn a configuration, or a section of one, into plain dictionaries and back."""

import dataclasses
import typing
from typing import Any, Literal

from puckrl.config.fields import Declared, declared
from puckrl.core.errors import UserError
from puckrl.core.settings import HASHED_IF_CHANGED, Mark


def to_dict(cfg: Any) -> dict[str, Any]:
    """Return a configuration, or a section of one, as plain nested dictionaries."""
    return as_tree(cfg, frozenset())


def as_tree(section: Any, left_out: frozenset[Mark]) -> dict[str, Any]:
    """Return a section as nested dictionaries, without fields that have these marks.

    A field that is marked ``HASHED_IF_CHANGED`` is left out only if it has its default.
    """
    values = {
        known.name: getattr(section, known.name)
        for known in declared(type(section))
        if not known.marks & left_out
        or (
            HASHED_IF_CHANGED in known.marks
            and getattr(section, known.name) != _default(type(section), known.name)
        )
    }
    return {
        name: as_tree(value, left_out) if dataclasses.is_dataclass(value) else value
        for name, value in values.items()
    }


def _default(cls: type[Any], name: str) -> Any:
    """Return the default of a field, of a setting or of a section."""
    (field,) = (field for field in dataclasses.fields(cls) if field.name == name)
    made = field.default_factory
    return field.default if made is dataclasses.MISSING else made()


def build(cls: type[Any], tree: dict[str, Any], where: str = "") -> Any:
    """Return a dataclass from a dictionary, its fields by their declared types.

    Raises:
        UserError: for a field or a kind of section that does not exist, or a value of
            another type.
    """
    known = {each.name: each for each in declared(cls)}
    unknown = sorted(map(str, set(tree) - set(known)))
    if unknown:
        raise UserError(
            f"unknown setting {where}{unknown[0]!r}; legal: {', '.join(known)}"
        )
    values = {
        name: _value(known[name], value, f"{where}{name}")
        for name, value in tree.items()
    }
    return cls(**{n: value for n, value in values.items() if not known[n].fixed})


def _value(known: Declared, value: Any, where: str) -> Any:
    """Return the value of one field: a section, or a setting."""
    if not known.sections or (value is None and known.optional):
        return _setting(known.value_type, value, where)
    tree = typed(value, dict, where)
    return build(_section(known.sections, tree, where), tree, f"{where}.")


def _section(
    classes: tuple[type[Any], ...], tree: dict[str, Any], where: str
) -> type[Any]:
    """Return the class of a section: the one whose ``kind`` the section names.

    The first class has no need to be named: it is what a section without a kind means.
    """
    if len(classes) == 1 or "kind" not in tree:
        return classes[0]
    kinds = {_kind(cls): cls for cls in classes}
    return kinds[_one_of(tuple(kinds), tree["kind"], f"{where}.kind")]


def _kind(cls: type[Any]) -> str:
    """Return the only value of the ``Literal`` that tells a class from its siblings."""
    (kind,) = (known.value_type for known in declared(cls) if known.name == "kind")
    (value,) = typing.get_args(kind)
    return value


def _setting(kind: Any, value: Any, where: str) -> Any:
    """Return a setting's value: one of a few, a tuple, or a single value."""
    if typing.get_origin(kind) is tuple:
        each = typing.get_args(kind)[0]
        given = typed(value, list | tuple, where)
        return tuple(_setting(each, one, where) for one in given)
    if typing.get_origin(kind) is Literal:
        return _one_of(typing.get_args(kind), value, where)
    is_float = float in (kind, *typing.get_args(kind))
    return typed(value, kind | int if is_float else kind, where)


def _one_of(legal: tuple[Any, ...], value: Any, where: str) -> Any:
    """Return the value, if it is among the legal ones."""
    if value not in legal:
        raise UserError(f"{where} is {value!r}; legal: {', '.join(map(str, legal))}")
    return value


_WORDS: dict[Any, str] = {
    dict: "a section",
    list | tuple: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float | int: "a number",
    float | None | int: "a number or null",
}


def typed(value: Any, kind: Any, where: str) -> Any:
    """Return the value, if it is of its type; a bool is no number."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        wanted = _WORDS.get(kind, str(kind))
        raise UserError(f"{where} is {value!r}; wanted: {wanted}")
    return value


def plain(value: Any) -> Any:
    """Return tuples as lists, so that safe YAML can hold them."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, tuple) else value

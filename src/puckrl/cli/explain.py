"""Explain in one line what is wrong with the settings on a command line."""

import typing
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Literal

from puckrl.config.fields import Setting, settings
from puckrl.config.run_cfg import RunCfg
from puckrl.core.settings import Bounds

_NOTHING = "None"


def explain(base: RunCfg, args: list[str]) -> str | None:
    """Return what is wrong with the first faulty setting; None if all look right.

    Args:
        base: the configuration that the settings change.
        args: settings and values, as ``puck train PRESET`` takes them.
    """
    known = {setting.flag: setting for setting in settings(base)}
    switches = {
        f"{flag.rpartition('.')[0]}.no-{flag.rpartition('.')[2]}"
        for flag, setting in known.items()
        if setting.value_type is bool
    }
    for given, values in _groups(args):
        flag = given.replace("_", "-")
        setting = known.get(flag)
        if setting is None and flag not in switches:
            return f"{given} is not a setting{_meant(flag, [*known, *switches])}"
        fault = _fault(given, setting, values)
        if fault:
            return fault
    return None


def _groups(args: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each setting with the values that follow it."""
    group: tuple[str, list[str]] | None = None
    for arg in args:
        is_flag = arg.startswith("--") and arg != "--"
        if not is_flag and group is not None:
            group[1].append(arg)
            continue
        if group is not None:
            yield group
        name, equals, value = arg.partition("=")
        group = (name, [value] if equals else [])
    if group is not None:
        yield group


def _meant(flag: str, known: list[str]) -> str:
    """Return the closest setting as a question: by its whole name, or by its last part."""
    last = flag.lstrip("-")
    same = [name for name in known if name.rpartition(".")[2] == last]
    likely = same or get_close_matches(flag, known, n=1, cutoff=0.75)
    return f"; did you mean {likely[0]}?" if likely else ""


def _fault(given: str, setting: Setting | None, values: list[str]) -> str | None:
    """Return what is wrong with the values of a setting; None: nothing.

    Args:
        given: the setting as it was written.
        setting: the setting; None for a switch that is turned off.
        values: its values as text.
    """
    if setting is None or setting.value_type is bool:
        return f"{given} takes no value, and gets {values[0]!r}" if values else None
    kind = setting.value_type
    several = typing.get_origin(kind) is tuple
    each = typing.get_args(kind)[0] if several else kind
    legal = f"; legal: {legal_words(each, setting.bounds)}"
    for value in values:
        if not _parses(each, value):
            meant = _close(each, value)
            rest = f"{meant} L{legal[3:]}" if meant else legal
            return f"{given} {value!r} is not {_noun(each)}{rest}"
    if not several and len(values) != 1:
        count = f"gets {len(values)}" if values else "gets none"
        return f"{given} takes one value, and {count}{legal}"
    return None


def legal_words(kind: Any, bounds: Bounds | None) -> str:
    """Return which values a setting of a type may have."""
    if typing.get_origin(kind) is Literal:
        return ", ".join(map(str, typing.get_args(kind)))
    noun = _noun(kind)
    if bounds is None:
        return noun
    return bounds.words if noun in bounds.words else f"{noun}, {bounds.words}"


def _noun(kind: Any) -> str:
    """Return what a value of a type is called."""
    members = typing.get_args(kind) or (kind,)
    if typing.get_origin(kind) is Literal:
        return "one of the choices"
    nouns = {int: "a whole number", float: "a number", str: "text"}
    nothing = f" or {_NOTHING}" if type(None) in members else ""
    return nouns[members[0]] + nothing


def _close(kind: Any, value: str) -> str:
    """Return the closest choice as a question; empty for a setting that is no choice."""
    if typing.get_origin(kind) is not Literal:
        return ""
    choices = get_close_matches(value, typing.get_args(kind), n=1)
    return f"; did you mean {choices[0]}?" if choices else ""


def _parses(kind: Any, value: str) -> bool:
    """Return whether text is a value of a type."""
    if typing.get_origin(kind) is Literal:
        return value in typing.get_args(kind)
    members = typing.get_args(kind) or (kind,)
    if type(None) in members and value == _NOTHING:
        return True
    try:
        members[0](value)
    except ValueError:
        return False
    return True

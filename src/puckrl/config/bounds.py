"""Refuse values that no run can have, in one line.

What is legal stands on each field, as ``Annotated[float, Bounds(...)]``.
"""

from collections.abc import Iterator
from typing import Any

from puckrl.config.fields import settings
from puckrl.core.arguments import check_fields
from puckrl.core.errors import UserError
from puckrl.core.settings import NOT_EMPTY


def check_bounds(section: Any, prefix: str = "") -> None:
    """Refuse numbers out of range, empty lists, and values of another type.

    Args:
        section: a configuration, or a section of one.
        prefix: of the section's names, with its dot.

    Raises:
        UserError: for the first such value; it says what is legal.
    """
    for setting in settings(section, prefix):
        if NOT_EMPTY in setting.marks and not setting.value:
            raise UserError(f"{setting.flag} has no value; legal: at least one")
        for number in numbers(setting.value):
            if setting.bounds is not None and not setting.bounds.allows(number):
                raise UserError(
                    f"{setting.flag} {number:g} is out of range; "
                    f"legal: {setting.bounds.words}"
                )
    check_fields(section, prefix)


def numbers(value: Any) -> Iterator[float]:
    """Yield the numbers of a setting: itself, or each of a tuple; a bool is none."""
    if isinstance(value, tuple):
        for each in value:
            yield from numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value

"""Refuse numbers that no run can have, in one line.

What is legal stands on each field, as ``Annotated[float, Bounds(...)]``.
"""

from collections.abc import Iterator
from typing import Any

from puckrl.config.fields import settings
from puckrl.core.errors import UserError


def check_bounds(section: Any, prefix: str = "") -> None:
    """Refuse numbers that are out of range.

    Args:
        section: a configuration, or a section of one.
        prefix: of the section's names, with its dot.

    Raises:
        UserError: for the first such number; it says what is legal.
    """
    for setting in settings(section, prefix):
        for number in numbers(setting.value):
            if setting.bounds is not None and not setting.bounds.allows(number):
                raise UserError(
                    f"{setting.flag} {number:g} is out of range; "
                    f"legal: {setting.bounds.words}"
                )


def numbers(value: Any) -> Iterator[float]:
    """Yield the numbers of a setting: itself, or each of a tuple; a bool is none."""
    if isinstance(value, tuple):
        for each in value:
            yield from numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value

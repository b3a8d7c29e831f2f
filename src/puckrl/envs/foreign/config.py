"""Change fields of a library's own configuration, by their dotted names."""

from collections.abc import Mapping
from typing import Any

from puckrl.core.errors import UserError, unknown


def override(title: str, cfg: Any, changes: Mapping[str, Any]) -> None:
    """Set fields of a configuration, in place.

    Args:
        title: of the environment, for errors.
        cfg: nested objects or dictionaries.
        changes: values by dotted names, ``{"scene.env_spacing": 4.0}``.

    Raises:
        UserError: for a name that is not there.
    """
    for name, value in changes.items():
        *sections, last = name.split(".")
        inner = cfg
        for section in sections:
            inner = _at(title, inner, section, name)
        _at(title, inner, last, name)
        if isinstance(inner, dict):
            inner[last] = value
        else:
            setattr(inner, last, value)


def _at(title: str, inner: Any, key: str, name: str) -> Any:
    """Return the part of a configuration that a key names."""
    if isinstance(inner, dict) and key in inner:
        return inner[key]
    if not isinstance(inner, dict) and hasattr(inner, key):
        return getattr(inner, key)
    legal = [*inner] if isinstance(inner, dict) else [*getattr(inner, "__dict__", {})]
    raise UserError(f"{title}: --foreign.kwargs {name}: {unknown('field', key, legal)}")

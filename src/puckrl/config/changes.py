"""Change settings of a configuration by name, from Python."""

import dataclasses
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from puckrl.agents.settings import with_modes
from puckrl.config import renamed
from puckrl.config.fields import settings
from puckrl.config.tree import build, to_dict
from puckrl.core.errors import UserError

_Cfg = TypeVar("_Cfg")  # ``RunCfg``, whose method this is


def with_changes(cfg: _Cfg, changes: Mapping[str, Any]) -> _Cfg:
    """Return a configuration with other values of some fields.

    Args:
        cfg: the configuration to change.
        changes: fields by name, whole sections too, or settings by their dotted names.

    Raises:
        UserError: for an unknown name, with the likely one, or a value of another type.
    """
    tree = to_dict(cfg)
    for name, value in changes.items():
        *sections, last = name.split(".")
        inner: Any = tree
        for section in sections:
            inner = inner.get(section) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or last not in inner:
            raise UserError(_no_setting(name, cfg))
        whole = dataclasses.is_dataclass(value) and not isinstance(value, type)
        inner[last] = to_dict(value) if whole else value
    changed = build(type(cfg), renamed.with_new_names(tree))
    return dataclasses.replace(changed, agent=with_modes(changed.agent))


def _no_setting(name: str, cfg: Any) -> str:
    """Return the message for an unknown name: what was probably meant, or what is legal."""
    known = [setting.name for setting in settings(cfg)]
    same = [one for one in known if one.rpartition(".")[2] == name]
    likely = same or get_close_matches(name, known, n=1)
    if not likely:
        return f"{name!r} is not a setting; legal: {', '.join(to_dict(cfg))}"
    return (
        f"{name!r} is not a setting; did you mean {likely[0]}? "
        f'Write: **{{"{likely[0]}": VALUE}}'
    )

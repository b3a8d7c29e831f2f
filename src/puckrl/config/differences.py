"""Find the settings that differ between configurations."""

from collections.abc import Mapping, Sequence
from typing import Any

from puckrl.config.run_cfg import is_hashed


def differing(
    settings: Sequence[Mapping[str, Any] | None], *, hashed: bool = True
) -> dict[str, tuple[Any, ...]]:
    """Return the settings that differ between runs, by dotted name, a value for each run.

    Leaves out runs whose settings are unknown.

    Args:
        settings: flat settings of each run; None: unknown.
        hashed: whether to return those that decide what is learned, or the others.
    """
    known = [s for s in settings if s is not None]
    if len(known) < 2:
        return {}
    names = dict.fromkeys(name for s in known for name in s)
    found: dict[str, tuple[Any, ...]] = {}
    for name in names:
        values = tuple(s.get(name) for s in known)
        if is_hashed(name) == hashed and any(v != values[0] for v in values):
            found[name] = values
    return found

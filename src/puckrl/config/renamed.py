"""List settings that were renamed, so that older runs and tables still load.

These two tables are the only list of setting names that is kept by hand. Whoever renames
a setting, or one of its values, adds a line.
"""

from collections.abc import Mapping
from typing import Any

from puckrl.core.errors import UserError

NAMES: Mapping[str, str] = {
    "pixels.randomise": "randomize",
    "pixels.randomize.colours": "colors",
    "agent.kept_share": "average_share",
    "agent.sight": "vision",
    "agent.vision.use_guess": "condition_on_prediction",
    "loop.turn_steps": "collect_steps",
    "loop.normalise_episodes": "normalize_episodes",
    "budget.wall_s": "train_s",
}
"""New name by old one; the sections around an old name have their new names."""

VALUES: Mapping[str, Mapping[str, str]] = {
    "agent.vision.encoder_gradient": {"guess": "goal-prediction"},
    "agent.vision.augment": {"colour": "color", "shift+colour": "shift+color"},
}
"""By the new name of a setting: its new values by the old ones."""


def new_name(name: str) -> str:
    """Return the present name of a setting, dotted; a name that is not old stays."""
    path = ""
    for part in name.split("."):
        path += NAMES.get(path + part, part) + "."
    return path[:-1]


def new_value(name: str, value: Any) -> Any:
    """Return the present value of a setting, by the setting's present name."""
    return VALUES.get(name, {}).get(value, value) if isinstance(value, str) else value


def with_new_names(tree: Mapping[str, Any], section: str = "") -> dict[str, Any]:
    """Return nested settings under their present names and values.

    Args:
        tree: of the section; what is no setting is kept, for others to refuse.
        section: dotted name, with its dot.

    Raises:
        UserError: if a setting is there twice, by its old and its new name.
    """
    found: dict[str, Any] = {}
    for key, value in tree.items():
        new = NAMES.get(f"{section}{key}", key)
        if new in found or (new != key and new in tree):
            raise UserError(
                f"{section}{new} is there twice: it was called {section}{key} before; "
                "keep one of them"
            )
        is_section = isinstance(value, Mapping)
        name = f"{section}{new}"
        found[new] = (
            with_new_names(value, f"{name}.") if is_section else new_value(name, value)
        )
    return found

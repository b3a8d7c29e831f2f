"""Read the contract of a run: torch and MuJoCo are not needed."""

import json
from pathlib import Path
from typing import Any

from puckrl.core.errors import UserError
from puckrl.core.spec import CONTRACT, PolicySpec, from_plain


def read_contract(path: Path) -> PolicySpec | None:
    """Return the contract of a run; None if an earlier version made the run.

    Raises:
        UserError: if it cannot be read.
    """
    if not (path / CONTRACT).is_file():
        return None
    return from_plain(PolicySpec, read_json(path / CONTRACT))


def read_json(file: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read: {error}; restore it") from error

"""Find a run's own copies of a user's classes; light, since a robot's program loads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from puckrl.core.errors import UserError
from puckrl.core.source import is_file, sha256

RECORD = "plugins"
"""Folder of the copies in a run's folder, and the entry in its manifest."""


def copies_of(run: Path, kind: str) -> Path:
    """Return the folder of the copies for a kind: encoder, objective or agent."""
    return run / RECORD / kind


def name_in_copy(run: Path, kind: str, name: str, manifest: Mapping[str, Any]) -> str:
    """Return the name of a class in the run's copy; the name itself if there is none.

    Args:
        run: the run's folder.
        kind: encoder, objective or agent.
        name: as the configuration has it, ``path/to/file.py:ClassName``.
        manifest: the run's manifest.

    Raises:
        UserError: if the copy is gone or has been edited.
    """
    record = manifest.get(RECORD, {}).get(kind)
    if record is None:
        return name
    folder = copies_of(run, kind)
    for part, expected in record["sha256"].items():
        if not is_file(folder / part) or sha256(folder / part) != expected:
            raise UserError(
                f"{folder / part}, the run's copy of its {kind}, is gone or has been "
                f"edited; restore it from {record['file']}"
            )
    file, _, attribute = name.rpartition(":")
    return f"{folder / Path(file).name}:{attribute}"

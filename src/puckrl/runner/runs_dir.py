"""Say where run folders go, ``--runs DIR`` or ``PUCK_RUNS`` or ``runs``, and name those there."""

import os
from difflib import get_close_matches
from pathlib import Path

from puckrl.core.arguments import check

VARIABLE = "PUCK_RUNS"
"""Environment variable that names the folder; empty counts as not set."""


def runs_dir(named: str | Path | None = None) -> Path:
    """Return the folder of run folders; None: the environment's, or ``runs``.

    Raises:
        UserError: for anything but a path.
    """
    check("runs", named, str | Path | None)
    return Path(named or os.environ.get(VARIABLE) or "runs")


def run_names(root: Path) -> list[str]:
    """Return the names of the runs in a folder, the newest first."""
    files = [(file, changed_at(file)) for file in root.glob("*/config.yaml")]
    files.sort(key=lambda pair: (-pair[1], pair[0]))
    return [file.parent.name for file, _ in files]


def changed_at(file: Path) -> float:
    """Return when a file was last written, seconds since the epoch; 0 if it is gone."""
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def closest(name: str, root: Path) -> str | None:
    """Return the run under ``root`` whose name is most like another; None: none is."""
    return next(iter(get_close_matches(name, run_names(root), n=1)), None)


def in_runs_dir(path: Path, root: Path) -> Path:
    """Return a path that exists as it is, else the run of that name under ``root``."""
    return root / path if not path.exists() and (root / path).exists() else path

"""Find the runs below a folder by the names of their files."""

import os
from collections.abc import Iterator
from pathlib import Path

from puckrl.logs.evaluations import NAME
from puckrl.logs.events import is_event_file
from puckrl.logs.scalars import NAME as SCALARS
from puckrl.logs.scalars import is_scalars
from puckrl.logs.tables import is_table

_LOGS = frozenset(
    (
        "progress.csv", "progress.json", "progress.txt", "metrics.jsonl", "scores.jsonl",
        "result.json", "train.csv", "eval.csv", "log.csv", NAME,
    )
)  # fmt: skip
"""Names by which libraries call the logs of a run."""
_DEPTH = 12


def real(path: Path) -> Path:
    """Return the absolute path without links; of a link to itself, the link."""
    return Path(os.path.realpath(path))  # Path.resolve refuses loops


def is_log(path: Path) -> bool:
    """Return whether a file is a log by its name."""
    plain = path.name.removesuffix(".gz")
    known = plain.endswith("monitor.csv") or plain in _LOGS or is_event_file(path)
    return known or is_scalars(path)


def logs_in(folder: Path) -> list[Path]:
    """Return the log files of a folder; where none is called as one, its tables."""
    inside = folder.rglob("*.csv") if folder.name == SCALARS else folder.iterdir()
    files = [p for p in sorted(inside) if p.is_file()]
    return [p for p in files if is_log(p)]


def is_run_of_ours(folder: Path) -> bool:
    """Return whether a folder was made by puckrl for a run, with or without rows."""
    return (folder / "config.yaml").is_file() and (folder / "manifest.json").is_file()


def runs_below(path: Path) -> list[Path]:
    """Return folders that hold the log of one run each, and tables that stand alone.

    Follows links, each folder once. A run's own folders, such as that of its event
    files, are no runs.
    """
    found: list[Path] = []
    for folder in _folders(path):
        if any(q in found for q in folder.parents):
            continue
        if logs_in(folder) or is_run_of_ours(folder):
            found.append(folder)
        else:
            csv = (p for p in sorted(folder.iterdir()) if p.is_file())
            found += [
                p for p in csv if is_table(p) and not p.name.endswith((".txt", ".json"))
            ]
    return found


def _folders(path: Path) -> Iterator[Path]:
    """Yield a folder and those below it; follow links, each folder once."""
    seen = {os.path.realpath(path)}
    for root, folders, _ in os.walk(path, followlinks=True):
        yield Path(root)
        if len(Path(root).relative_to(path).parts) >= _DEPTH:
            folders.clear()
        # By its own name rather than by a link's.
        here = sorted(folders, key=lambda name: (Path(root, name).is_symlink(), name))
        folders.clear()
        for name in here:
            real = os.path.realpath(Path(root, name))
            if real not in seen:
                seen.add(real)
                folders.append(name)

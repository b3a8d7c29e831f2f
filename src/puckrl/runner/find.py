"""Find a run's folder by path or by name; light, since a robot's program loads it."""

from pathlib import Path

from puckrl.core.errors import UserError

_LISTED = 8


def find_run(name: str | Path, runs: str | Path) -> Path:
    """Return the folder of a run, by its path or by its name under ``runs``.

    Raises:
        UserError: if there is no such run; lists those under ``runs``.
    """
    root = Path(runs)
    for path in (Path(name), root / name):
        if (path / "config.yaml").is_file():
            return path
    known = sorted(p.parent.name for p in root.glob("*/config.yaml"))
    listed = ", ".join(known[:_LISTED]) + (", ..." if len(known) > _LISTED else "")
    raise UserError(f"no run {str(name)!r}; runs in {root}: {listed or 'none yet'}")

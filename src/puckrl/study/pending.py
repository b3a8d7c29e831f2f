"""Tell whether a run of a study has work left, by its folder alone."""

from typing import Any

from puckrl.config.run_cfg import RunCfg
from puckrl.core.clock import Clock
from puckrl.core.errors import UserError
from puckrl.runner.build import limits_of
from puckrl.runner.run_folder import RunFolder


def is_finished(folder: RunFolder, cfg: RunCfg) -> bool:
    """Return whether a run has finished, and not only for a budget that was raised since.

    Args:
        folder: of the run; it need not exist.
        cfg: the run as the study wants it now.
    """
    manifest = _manifest(folder)
    if manifest.get("status") != "finished":
        return False
    limits = limits_of(cfg)
    if manifest.get("stop") == "success":
        return 0 < limits.success <= manifest.get("stopped_at", 0)
    if manifest.get("stop") == "budget":
        return limits.reached(Clock.from_dict(manifest["clock"]), []) is not None
    return True


def has_begun(folder: RunFolder) -> bool:
    """Return whether a run's folder holds a run, not only what a kill left of its start."""
    files = ("config.yaml", "manifest.json")
    return all((folder.path / name).is_file() for name in files)


def newest_snapshot(folder: RunFolder) -> str:
    """Return the name of a run's newest snapshot, empty if there is none."""
    return max((p.name for p in folder.checkpoints.glob("snapshot-*.json")), default="")


def _manifest(folder: RunFolder) -> dict[str, Any]:
    """Return the manifest; empty where it is missing or damaged."""
    try:
        return folder.manifest()
    except (UserError, OSError):
        return {}

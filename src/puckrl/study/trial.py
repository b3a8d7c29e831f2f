"""Train a run for its numbers alone."""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from puckrl.config.run_cfg import RunCfg, SaveCfg
from puckrl.report.rows import read_rows
from puckrl.runner import session
from puckrl.training.sinks import LogRow


@dataclass(frozen=True)
class Trial:
    """Hold what a run leaves: numbers and how it ended."""

    rows: list[LogRow]
    """Every number that it logged."""
    manifest: dict[str, Any]
    """How it ended, and its clock."""

    @property
    def evaluations(self) -> list[LogRow]:
        """Return the rows of the evaluations."""
        return [row for row in self.rows if "eval/success" in row]


def trial(cfg: RunCfg, keep: Path | None = None) -> Trial:
    """Train without videos, event files and intermediate snapshots.

    Args:
        cfg: the run; its ``save`` is ignored.
        keep: folder that gets a copy of the run's folder, without its snapshots; it
            overwrites an earlier copy of the same run.

    Raises:
        UserError: if the run is refused or fails.
    """
    quiet = SaveCfg(every_s=0.0, replay=False, tensorboard=False, video=False)
    with tempfile.TemporaryDirectory() as root:
        folder = session.start(replace(cfg, save=quiet), Path(root))
        if keep:
            small = shutil.ignore_patterns("checkpoints")
            copy = keep / folder.path.name
            shutil.copytree(folder.path, copy, ignore=small, dirs_exist_ok=True)
        return Trial(read_rows(folder.metrics), folder.manifest())

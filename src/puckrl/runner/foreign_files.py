"""Find what a run did not write into its folder: mixed logs cannot be separated later."""

import re
from pathlib import Path

from puckrl.core.errors import UserError
from puckrl.runner.run_folder import RunFolder, file_names

# Images and notes do no harm in a run folder, logs of other runs do
_LOG = re.compile(r".*\.jsonl|.*\.csv|.*tfevents.*")
_FOLDERS = re.compile(r"tb|checkpoints(-\d+)?|diverged|task|plugins")


def foreign_files(folder: RunFolder) -> list[Path]:
    """Return the logs and folders in a run folder that this run did not write."""
    strange = [p for p in folder.path.iterdir() if p != folder.metrics and _alien(p)]
    if folder.tensorboard.is_dir():
        mine = folder.manifest().get("writers", [])
        strange += [p for p in folder.tensorboard.iterdir() if not _written_by(p, mine)]
    return strange


def _alien(path: Path) -> bool:
    """Return whether a path is a log by its name, or a folder that no run makes."""
    if path.is_dir():
        return _FOLDERS.fullmatch(path.name) is None
    return _LOG.fullmatch(path.name) is not None


def refuse_foreign_files(folder: RunFolder) -> None:
    """Check that no other process wrote into the folder.

    Raises:
        UserError: if one did; names its files.
    """
    strange = foreign_files(folder)
    if strange:
        raise UserError(
            f"{folder.path} holds files that this run did not write ({file_names(strange)}); "
            "move them away, since mixed logs cannot be separated later"
        )


def _written_by(event_file: Path, writers: list[str]) -> bool:
    """Return whether an event file's name has the host and process of a writer."""
    return any(f".{writer}." in event_file.name for writer in writers)

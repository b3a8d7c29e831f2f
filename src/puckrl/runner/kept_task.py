"""Tie a run to its task: keep the files of a user's task, and compare them later.

    task/                        copies of the task's file, of the modules beside it that it
                                 imports, and of the data below its folder that these name
    manifest.json: "task"        where the file was, and a SHA-256 of each of these files

A task of puckrl's own needs none of it: the manifest holds the versions.
"""

import difflib
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from puckrl.core.errors import UserError
from puckrl.core.foreign import library_of
from puckrl.core.source import Source, is_file, sha256, source_of
from puckrl.runner.run_folder import RunFolder

log = logging.getLogger(__name__)

KEPT = "kept"
"""The value of ``--task`` that names the run's own copy."""
_MOST_BYTES = 64 << 20
_TOLD_LINES, _TOLD_WIDTH = 3, 60


def keep(folder: RunFolder, task: str) -> None:
    """Copy the files of a user's task into the run's folder, and record their hashes.

    Raises:
        UserError: if one cannot be read or written.
    """
    file = _file_of(task)
    if file is None:
        return
    try:
        source = source_of(file)
        copy_source(source, folder.kept_task)
        record = {"file": str(source.file), "sha256": source.hashes()}
    except OSError as error:
        raise UserError(
            f"cannot keep a copy of {task}: {error.strerror}: {error.filename}"
        ) from error
    folder.update_manifest(task=record)


def task_to_play(folder: RunFolder, elsewhere: str | None = None) -> str:
    """Return the name of the task to judge or film a run in.

    This is the task that the run was trained on: its file if it is unchanged, or the run's
    copy, with a warning that says what differs.

    Args:
        folder: the run.
        elsewhere: another file (``FILE`` or ``FILE:ClassName``), whatever it holds; or
            ``kept``, the copy. None: as above.

    Raises:
        UserError: if there is neither the file nor a copy.
    """
    run = _Kept.of(folder)
    if elsewhere is not None and elsewhere != KEPT:
        name = run.named(elsewhere)
        different = run.differences(name) if run.file else f"not {run.task}"
        if different:
            log.warning(
                "%s is not what %s trained on: %s", name, folder.path, different
            )
        return name
    if run.file is None:
        return run.task
    copy = run.copy()
    if copy is not None and elsewhere == KEPT:
        return copy
    if not is_file(run.file):
        if copy is None:
            raise run.lost()
        log.warning("%s is gone: playing the run's own copy", run.original)
        return copy
    different = run.differences(run.original)
    if different and copy is None:
        log.warning(
            "%s has changed since %s began, and this run of an earlier version has no copy "
            "of it: numbers may differ",
            run.original,
            folder.path,
        )
    if not different or copy is None:
        return run.original
    log.warning(
        "%s has changed since %s began: %s; playing the run's own copy; to play the "
        "changed one: --task %s",
        run.original,
        folder.path,
        different,
        run.original,
    )
    return copy


def task_now(folder: RunFolder, name: str) -> str:
    """Return the name of the task that a run goes on with, while it runs.

    It is loaded again by a judge beside the learner, and for the video. If somebody edits
    its file meanwhile, the run's copy is played, with a warning.

    Args:
        folder: the run.
        name: the task, as the run began or went on with it.

    Raises:
        UserError: if the file has changed, and the copy has been edited.
    """
    run = _Kept.of(folder)
    if run.file is None or run.file.parent == folder.kept_task.resolve():
        return name
    different = run.differences(name) if _file_of(name) else "it is gone"
    copy = run.copy() if different else None
    if copy is None:
        return name
    log.warning(
        "%s has changed since %s began: %s; the run goes on with its own copy",
        name,
        folder.path,
        different,
    )
    return copy


def task_to_resume(folder: RunFolder, elsewhere: str | None = None) -> str:
    """Return the name of the task to continue a run with; it must be the same.

    Args:
        folder: the run.
        elsewhere: a new place of the file, or ``kept``; None: where it was, or the copy if
            it is gone.

    Raises:
        UserError: if the task has changed; says what differs, and how to go on.
    """
    run = _Kept.of(folder)
    if elsewhere == KEPT or run.file is None:
        if elsewhere not in (None, KEPT):
            raise UserError(
                f"{folder.path} trains on {run.task}; --task {elsewhere} needs a new run: "
                "one folder, one task"
            )
        return task_to_play(folder, elsewhere)
    copy = run.copy()
    if elsewhere is None and not is_file(run.file):
        if copy is None:
            raise run.lost()
        log.warning("%s is gone: going on with the run's own copy", run.original)
        return copy
    name = run.original if elsewhere is None else run.named(elsewhere)
    if different := run.differences(name):
        own = "go on with the run's own copy: --task kept; or " if copy else ""
        raise UserError(
            f"{name} has changed since {folder.path} began: {different}; {own}restore it, "
            "or start a new run: one folder, one task"
        )
    return name


@dataclass(frozen=True)
class _Kept:
    """What a run knows of its task."""

    folder: RunFolder
    task: str
    """Name of the task in the configuration."""
    file: Path | None
    """Where the task's file was; None for a task of puckrl."""
    hashes: dict[str, str]
    """Hash of each file, by its path below the task's folder."""

    @classmethod
    def of(cls, folder: RunFolder) -> "_Kept":
        """Read what a run knows; runs of earlier versions know only the file's hash."""
        task, manifest = folder.config().task, folder.manifest()
        is_path = ":" in task and library_of(task) is None
        file = Path(task.rpartition(":")[0]) if is_path else None
        if file is None:
            return cls(folder, task, None, {})
        record: dict[str, Any] = manifest.get("task", {})
        old = manifest.get("task_sha256")
        hashes = record.get("sha256") or ({file.name: old} if old else {})
        return cls(folder, task, Path(record.get("file", file)), hashes)

    @property
    def original(self) -> str:
        """Name of the task where it was, as short as it can be written."""
        if self.file is None:
            return self.task
        here = Path.cwd()
        inside = self.file.is_relative_to(here)
        shown = self.file.relative_to(here) if inside else self.file
        return f"{shown}:{self._class}"

    @property
    def _class(self) -> str:
        return self.task.rpartition(":")[2]

    def named(self, place: str) -> str:
        """Return ``FILE`` or ``FILE:ClassName`` as a task's name.

        Raises:
            UserError: if there is no such file, or the run's task has no class.
        """
        if not place.rpartition(":")[0]:
            if self.file is None:
                raise UserError(
                    f"--task {place}: write FILE:ClassName; {self.folder.path} trained on "
                    f"{self.task}, which is no file"
                )
            place = f"{place}:{self._class}"
        file = place.rpartition(":")[0]
        if not is_file(Path(file)):
            raise UserError(f"--task {place}: no file {file!r}")
        return place

    def copy(self) -> str | None:
        """Return the name of the task in the run's copy; None if there is none.

        Raises:
            UserError: if the copy has been edited.
        """
        if self.file is None:
            return None
        kept = self.folder.kept_task
        for part, known in self.hashes.items():
            if is_file(kept / part) and sha256(kept / part) != known:
                raise UserError(
                    f"{kept / part} is not what {self.folder.path} trained on: somebody has "
                    "edited the run's copy; restore it, or name another: --task FILE"
                )
        file = kept / self.file.name
        return f"{file}:{self._class}" if is_file(file) else None

    def lost(self) -> UserError:
        """Return the error for a task that is nowhere."""
        return UserError(
            f"{self.folder.path} trained on {self.task}, which is not at {self.file}; name "
            "its new place: --task path/to/file.py"
        )

    def differences(self, name: str) -> str:
        """Return how the files of a task differ from the run's; empty if they do not."""
        file = _file_of(name)
        assert file is not None, name
        source = source_of(file)
        now = source.hashes()
        first = next(iter(self.hashes), None)
        if first is not None and first != file.name:  # the file has a new name
            now = {first: now.pop(file.name), **now}
        if len(self.hashes) <= 1 and not self.folder.kept_task.is_dir():
            now = {key: now[key] for key in self.hashes}
        parts = {first or file.name: file, **source.parts}
        told = [
            self._difference(part, parts.get(part))
            for part in self.hashes.keys() | now.keys()
            if self.hashes.get(part) != now.get(part)
        ]
        return ", ".join(sorted(told))

    def _difference(self, part: str, now: Path | None) -> str:
        """Return how one file differs: its first changed lines, if it is text."""
        before = self.folder.kept_task / part
        if not is_file(before):
            return f"{part} is new" if part not in self.hashes else f"{part} differs"
        if now is None:
            return f"{part} is gone, or no longer named"
        try:
            old, new = (path.read_text().splitlines() for path in (before, now))
        except UnicodeDecodeError:
            return f"{part} differs"
        lines = [*difflib.unified_diff(old, new, n=0)][2:]  # after both files' names
        changed = [x for x in lines if not x.startswith("@") and x[1:].strip()]
        lines = " | ".join(
            f"{x[0]} {x[1:].strip()[:_TOLD_WIDTH]}" for x in changed[:_TOLD_LINES]
        )
        more = (
            f" and {len(changed) - _TOLD_LINES} more lines"
            if changed[_TOLD_LINES:]
            else ""
        )
        return f"{part} ({lines or 'blank lines only'}{more})"


def _file_of(task: str) -> Path | None:
    """Return the file of a task's name; None for a name, or a file that is not there."""
    file = Path(task.rpartition(":")[0])
    return file if ":" in task and is_file(file) else None


def copy_source(source: Source, to: Path) -> None:
    """Copy the files of a user's file; leave out data beyond some megabytes, with a warning."""
    room = _MOST_BYTES
    for name, path in source.parts.items():
        room -= path.stat().st_size
        if room < 0 and path.suffix != ".py":
            log.warning("the run keeps no copy of %s, which is large", path)
            continue
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to / name)

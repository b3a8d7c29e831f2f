"""Find the runs at some paths, follow them, and number what changes."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from puckrl.core.errors import UserError
from puckrl.logs.folders import is_run_of_ours, runs_below
from puckrl.logs.names import Mapped
from puckrl.logs.read import read_logs
from puckrl.web.foreign import ForeignLogs, ForeignRun
from puckrl.web.own import OwnRun, run_id
from puckrl.web.study import StudyFolder, is_study

_SHARE = 0.02  # of one core, at most, for looking at files
_FIND_S = 2.0  # new runs are looked for at most this often


class Board:
    """Hold all runs and studies at some paths.

    Threads may ask at any time; ``look`` is called by one of them at a time.

    Args:
        paths: run folders, logs, folders of those, folders of studies.
        mapping: other libraries' names of signals -> ours.
        facts: ``name=value`` facts that the logs do not hold.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        mapping: Mapped | None = None,
        facts: Sequence[str] = (),
    ) -> None:
        self.paths = tuple(paths)
        self.rev = 0
        """Number of the last change."""
        self._changed = threading.Condition()
        self._looking = threading.Lock()
        self._own: dict[str, OwnRun] = {}
        self._foreign = ForeignLogs(mapping or {}, facts)
        self._foreign_paths: list[Path] = []
        self._studies: dict[Path, StudyFolder] = {}
        self._revs: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._find_at = 0.0

    def look(self) -> float:
        """Read what is new at all paths; return the seconds that this took."""
        with self._looking:
            begin = time.perf_counter()
            if time.monotonic() >= self._find_at:
                self._find()
                took = time.perf_counter() - begin
                self._find_at = time.monotonic() + max(_FIND_S, took / _SHARE)
            for run in list(self._own.values()):
                if run.look() or run.id not in self._revs:
                    self._tell(run.id)
            before = {run.id for run in self._foreign.runs}
            if self._foreign.look(self._foreign_paths):
                for run in self._foreign.runs:
                    self._tell(run.id)
                for gone in before - {run.id for run in self._foreign.runs}:
                    self._tell(gone, gone=True)
            for study in self._studies.values():
                inside = tuple(
                    sorted(
                        r.id for r in self._own.values() if study.path in r.path.parents
                    )
                )
                if study.look(inside):
                    self._tell(study.id)
            return time.perf_counter() - begin

    def _tell(self, name: str, *, gone: bool = False) -> None:
        """Number a change and wake those who wait for one."""
        with self._changed:
            self.rev += 1
            (self._gone if gone else self._revs)[name] = self.rev
            (self._revs if gone else self._gone).pop(name, None)
            self._changed.notify_all()

    def _find(self) -> None:
        """Look for runs and studies that are new or have another name."""
        own, foreign = list[Path](), list[Path]()
        for path in self.paths:
            for found in self._at(path):
                (own if is_run_of_ours(found) else foreign).append(found)
        for path in own:
            try:
                known = self._own.get(run_id(path))
                if known is None:
                    known = OwnRun(path)
                    self._own[known.id] = known
                known.move(path)
            except OSError:  # it has vanished meanwhile
                continue
        self._foreign_paths = foreign

    def _at(self, path: Path) -> Iterator[Path]:
        """Yield the runs at a path; remember its studies."""
        if path.is_file():
            own = path.name == "metrics.jsonl" and is_run_of_ours(path.parent)
            yield path.parent if own else path
            return
        if not path.is_dir():
            return
        below = [path, *(p.parent for p in path.glob("*/study.json"))]
        studies = [folder for folder in below if is_study(folder)]
        for folder in studies:
            self._studies.setdefault(folder, StudyFolder(folder))
            yield from _runs_in(folder / "runs")
        if path not in studies:
            inside = (p for p in _runs_in(path))
            yield from (p for p in inside if not {*studies} & {*p.parents, p})

    def wait(self, since: int, timeout: float) -> bool:
        """Wait until something is newer than a revision; return whether something is."""
        with self._changed:
            return self._changed.wait_for(lambda: self.rev > since, timeout)

    def since(self, rev: int) -> tuple[int, dict[str, Any]]:
        """Return the present revision, and what has changed after one, for JSON."""
        with self._changed:
            now = self.rev
            new = {name for name, at in self._revs.items() if at > rev}
            gone = [name for name, at in self._gone.items() if at > rev]
        return now, {
            "rows": [run.row.as_dict() for run in self.runs if run.id in new],
            "studies": [s.view.as_dict() for s in self.studies if s.id in new],
            "gone": gone,
        }

    @property
    def runs(self) -> list[OwnRun | ForeignRun]:
        """Return all runs."""
        return [*self._own.values(), *self._foreign.runs]

    @property
    def studies(self) -> list[StudyFolder]:
        """Return all studies."""
        return list(self._studies.values())

    def run(self, name: str) -> OwnRun | ForeignRun | None:
        """Return a run by its id, None if there is none."""
        return next((run for run in self.runs if run.id == name), None)

    def folder(self, name: str) -> Path | None:
        """Return the folder of a run or a study by its id, None if there is none."""
        known = {one.id: one.path for one in (*self.runs, *self.studies)}
        path = known.get(name)
        return path if path is None or path.is_dir() else path.parent


def _runs_in(path: Path) -> list[Path]:
    """Return the runs below a folder, the folder itself if it is one."""
    try:
        return [path] if is_run_of_ours(path) else runs_below(path)
    except OSError:
        return []


def refuse_unreadable(paths: Sequence[Path]) -> None:
    """Refuse paths at which there is nothing to watch; an empty folder may fill later.

    Raises:
        UserError: for the first that is missing, or a file that is no log.
    """
    for path in paths:
        if path.is_dir():
            try:
                os.scandir(path).close()
            except OSError as error:
                raise UserError(f"cannot read {path}: {error.strerror}") from error
        else:
            read_logs(path)

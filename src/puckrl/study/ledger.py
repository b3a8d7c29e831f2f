"""Keep a study's folder: what is compared, every run's state, who may write.

studies/discount-1a2b3c4d/      name of the study file - digest of what it compares
study.json                      written before the first run: arms, seeds, measure, file
journal.jsonl                   sessions, states of runs, amendments; only appended to
lock                            held by the study's process while it lives
runs/low-5e6f7a8b-s0/           a run folder for every arm and seed
output/low-5e6f7a8b-s0.log      what its process printed

The run folders hold the truth about runs. The journal says what the study knew, and when;
where the study was killed between a run's end and the journal's line, ``settle`` adds it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import yaml

from puckrl.config.run_cfg import to_dict
from puckrl.core.errors import UserError
from puckrl.report.rows import read_verdicts
from puckrl.runner.run_folder import Lock, RunFolder
from puckrl.study.design import Study
from puckrl.study.jobs import FINISHED, Job, State, jobs_of
from puckrl.study.journal import Entries, Journal
from puckrl.study.pending import is_finished


@dataclass(frozen=True)
class RunState:
    """Hold what the journal says of one run."""

    arm: str
    """Name of the arm."""
    seed: int
    """Seed of the run."""
    name: str
    """Of its run folder."""
    state: State = "queued"
    """The newest."""
    detail: str = ""
    """Why, where it failed or will be tried again."""
    starts: int = 0
    """How often a process of it was started."""


class Ledger:
    """Write a study's folder; use it in a ``with`` block, which holds the lock.

    Args:
        path: the folder, which ``create`` or ``find`` has found.
        study: what is compared.
    """

    def __init__(self, path: Path, study: Study) -> None:
        self.path, self.study = path, study
        self.jobs = jobs_of(study)
        self._journal = Journal(path / "journal.jsonl")
        self._lock = Lock(path)
        self._states = {
            job.name: RunState(job.arm, job.seed, job.name) for job in self.jobs
        }

    def __enter__(self) -> Self:
        """Take the lock, and read what is known.

        Raises:
            UserError: if another living process holds it.
        """
        self._lock.__enter__()
        known = states(self._journal.read())
        self._states |= {k: v for k, v in known.items() if k in self._states}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the lock."""
        self._lock.__exit__(kind, error, trace)

    @property
    def states(self) -> Mapping[str, RunState]:
        """Return the state of every job of the study, by its name."""
        return self._states

    def folder_of(self, job: Job) -> RunFolder:
        """Return a job's run folder, which need not exist."""
        return RunFolder(self.path / "runs" / job.name)

    def output_of(self, job: Job) -> Path:
        """Return the file that takes what a job's process prints."""
        return self.path / "output" / f"{job.name}.log"

    def record(self, job: Job, state: State, detail: str = "") -> None:
        """Append a job's state to the journal.

        Raises:
            OSError: if it cannot be written.
        """
        before = self._states[job.name]
        starts = before.starts + (state == "running")
        entry = {"run": job.name, "arm": job.arm, "seed": job.seed, "state": state}
        self._journal.append(kind="state", **entry, detail=detail, starts=starts)
        self._states[job.name] = replace(
            before, state=state, detail=detail, starts=starts
        )

    def note(self, kind: str, **fields: object) -> None:
        """Append an entry that is no run's state: a session, a note, an amendment.

        Raises:
            OSError: if it cannot be written.
        """
        self._journal.append(kind=kind, **fields)

    def settle(self) -> None:
        """Correct the states by what the run folders hold, after a kill or an amendment.

        Raises:
            OSError: if the journal cannot be written.
        """
        for job in self.jobs:
            known = self._states[job.name].state
            if is_finished(self.folder_of(job), job.cfg):
                if known not in FINISHED:
                    self.record(job, self.finished_state(job))
            elif known == "running":
                self.record(job, "interrupted", "the study ended before this run did")
            elif known in FINISHED:
                self.record(job, "interrupted", "its budget was raised since")

    def finished_state(self, job: Job) -> State:
        """Return the state of a finished run: diverged if its last verdict says so."""
        folder = self.folder_of(job)
        if folder.manifest().get("stop") == "diverged":
            return "diverged"
        verdicts = read_verdicts(folder.metrics) if folder.metrics.is_file() else []
        findings = verdicts[-1]["doctor/findings"] if verdicts else []
        sick = any(f["name"] == "divergence" and f["color"] == "red" for f in findings)
        return "diverged" if sick else "done"


def create(root: Path, study: Study, about: Mapping[str, Any], file: Path) -> Path:
    """Make a study's folder and write ``study.json``.

    Args:
        root: folder of study folders.
        study: what is compared.
        about: what else is to be kept: provenance, circumstances, threads.
        file: the study file, which is kept word by word.

    Raises:
        UserError: if the folder cannot be written.
    """
    path = folder_name(root, study)
    described = {**description(study), "file": _file_text(file), **about}
    try:
        for part in ("runs", "output"):
            (path / part).mkdir(parents=True, exist_ok=True)
        _write_whole(path / "study.json", _json(described))
    except OSError as error:
        raise UserError(f"cannot write to {path}: {error.strerror}") from error
    return path


def amend(path: Path, study: Study, file: Path, reasons: Sequence[str]) -> None:
    """Record that a study's file or its circumstances have changed, and how.

    ``study.json`` stays as it was before the first run; the journal has the difference.
    Runs whose arm has changed get folders of their own, by their configuration's hash; the
    earlier ones stay.

    Args:
        path: the study's folder, which the caller has locked.
        study: what is compared from now on.
        file: the study file as it is now.
        reasons: what else has changed, in words.

    Raises:
        OSError: if the journal cannot be written.
    """
    before = described_now(path)
    after = {**description(study), "file": _file_text(file)}
    Journal(path / "journal.jsonl").append(
        kind="amendment",
        digest=study.digest,
        diff=_difference(str(before.get("file", "")), str(after["file"])),
        changed=_changed_settings(before, after),
        reasons=list(reasons),
        study=json.loads(_json(after)),
    )


def description(study: Study) -> dict[str, Any]:
    """Return what a study compares as plain values."""
    return {
        "name": study.name,
        "digest": study.digest,
        "seeds": list(study.seeds),
        "measure": str(study.measure),
        "stopping": study.stopping,
        "budget": dict(study.budget),
        "couple": [sorted(group) for group in study.couple],
        "arms": [
            {
                "name": arm.name,
                "changes": dict(arm.changes),
                "levels": dict(arm.levels),
                "runs": [str(path) for path in arm.folders],
                "config": to_dict(arm.cfg) if arm.cfg else None,
            }
            for arm in study.every_arm
        ],
        "text": dict(study.text),
    }


def folder_name(root: Path, study: Study) -> Path:
    """Return the folder of a study."""
    return root / f"{study.name}-{study.digest}"


def earlier(root: Path, name: str) -> list[Path]:
    """Return the folders of studies of a name, whatever they compare."""
    found = root.glob(f"{name}-*/study.json")
    suffix = len(name) + 1
    return sorted(f.parent for f in found if len(f.parent.name) == suffix + 8)


def find(root: Path, study: Study) -> Path | None:
    """Return the folder that holds exactly this study, amended or not; None if none does.

    Raises:
        UserError: if the ``study.json`` of a study of this name is not JSON.
    """
    same = (
        path
        for path in earlier(root, study.name)
        if described_now(path).get("digest") == study.digest
    )
    return next(same, None)


def described(path: Path) -> dict[str, Any]:
    """Return ``study.json``: what was compared before the first run.

    Raises:
        UserError: if it is missing or not JSON.
    """
    file = path / "study.json"
    try:
        return json.loads(file.read_text())
    except FileNotFoundError as error:
        raise UserError(f"{path} is no study's folder: no study.json") from error
    except ValueError as error:
        raise UserError(f"{file} is not JSON: {error}; start the study anew") from error


def amendments(path: Path) -> list[Mapping[str, Any]]:
    """Return the changes since a study began, oldest first; each has ``time`` and ``diff``."""
    entries = Journal(path / "journal.jsonl").read().entries
    return [entry for entry in entries if entry.get("kind") == "amendment"]


def described_now(path: Path) -> dict[str, Any]:
    """Return what a study compares after its last amendment."""
    changes = amendments(path)
    return dict(changes[-1]["study"]) if changes else described(path)


def states(read: Entries) -> dict[str, RunState]:
    """Return the newest state of every run that a journal names, by the run's name."""
    found: dict[str, RunState] = {}
    for entry in read.entries:
        if entry.get("kind") == "state":
            known = ("arm", "seed", "state", "detail", "starts")
            values = {name: entry[name] for name in known}
            found[entry["run"]] = RunState(name=entry["run"], **values)
    return found


def read_states(path: Path) -> dict[str, RunState]:
    """Return the newest state of every run of a study's folder, for readers."""
    return states(Journal(path / "journal.jsonl").read())


def _file_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {file}: {error}") from error


def _json(values: Mapping[str, Any]) -> str:
    """Return plain values as JSON; dates and the like, which YAML may hold, as text."""
    return json.dumps(values, indent=1, default=str) + "\n"


def _write_whole(file: Path, text: str) -> None:
    """Write a file so that it is there as a whole or not at all."""
    temporary = file.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _difference(before: str, after: str) -> list[str]:
    """Return the lines that differ, as ``diff -U0`` does, without the file's names."""
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _changed_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the parts of a study, other than its words, that differ."""
    left_out = ("file", "text", "digest")
    old = _flat({k: v for k, v in before.items() if k not in left_out})
    new = _flat({k: v for k, v in after.items() if k not in left_out})
    return [
        f"{name}: {old.get(name, 'absent')} -> {new.get(name, 'absent')}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _flat(values: Any, name: str = "") -> dict[str, str]:
    """Return nested values by dotted names; arms by their names."""
    dot = f"{name}." if name else ""
    if isinstance(values, dict):
        inner = cast(dict[str, Any], values).items()
        pairs = [_flat(value, f"{dot}{key}") for key, value in inner]
    elif name == "arms":
        pairs = [_flat(arm, f"{dot}{arm['name']}") for arm in values]
    else:
        plain = json.loads(json.dumps(values, default=str))
        return {name: yaml.safe_dump(plain, default_flow_style=True).split("\n")[0]}
    return {key: value for pair in pairs for key, value in pair.items()}

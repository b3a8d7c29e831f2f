"""Run folders: one configuration, one writer, and a name that says which.

runs/push-1a2b3c4d-s0/          preset - hash of the configuration - seed
manifest.json                 status, versions, git revision, device, argv, result
config.yaml
metrics.jsonl · tb/           the numbers
checkpoints/                  two snapshots (checkpoints-1, ...: of further processes)
curve.png · card.md · policy.mp4
lock                          held by the living writer
"""

import fcntl
import hashlib
import json
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import torch
import yaml

from puckrl.config.run_cfg import RunCfg, config_hash, from_yaml, to_yaml
from puckrl.core import team
from puckrl.core.errors import UserError
from puckrl.core.types import Spaces
from puckrl.report.provenance import provenance

# Pictures and notes do no harm in a run's folder, other people's numbers do
_LOG = re.compile(r".*\.jsonl|.*\.csv|.*tfevents.*")
_FOLDERS = re.compile(r"tb|checkpoints(-\d+)?|diverged")


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run, and what it says of itself."""

    path: Path
    """The folder."""

    @property
    def metrics(self) -> Path:
        """The logged rows."""
        return self.path / "metrics.jsonl"

    @property
    def tensorboard(self) -> Path:
        """The event files."""
        return self.path / "tb"

    @property
    def checkpoints(self) -> Path:
        """The snapshots; of processes that train together, those of the first."""
        return self.path / "checkpoints"

    def checkpoints_of(self, rank: int) -> Path:
        """The snapshots of one of the processes that train together."""
        return self.path / f"checkpoints-{rank}" if rank else self.checkpoints

    def config(self) -> RunCfg:
        """The configuration that the folder holds.

        Raises:
            UserError: if this is no run folder.
        """
        file = self.path / "config.yaml"
        if not file.is_file():
            raise UserError(f"{self.path} is no run folder (it has no config.yaml)")
        try:
            return from_yaml(file.read_text())
        except (yaml.YAMLError, TypeError, ValueError) as error:
            raise UserError(
                f"{file} is no configuration: {str(error).splitlines()[0]}; "
                "start a new run"
            ) from error

    def write_config(self, cfg: RunCfg) -> None:
        """Replace the configuration, atomically."""
        temporary = self.path / "config.yaml.tmp"
        temporary.write_text(to_yaml(cfg))
        temporary.replace(self.path / "config.yaml")

    def manifest(self) -> dict[str, Any]:
        """What the run says of itself; empty if it has not said anything yet."""
        file = self.path / "manifest.json"
        try:
            return json.loads(file.read_text()) if file.is_file() else {}
        except ValueError as error:
            raise UserError(
                f"{file} is no JSON: {error}; put it back, or start a new run"
            ) from error

    def update_manifest(self, **fields: object) -> None:
        """Replace top-level fields, atomically."""
        temporary = self.path / "manifest.json.tmp"
        temporary.write_text(json.dumps(self.manifest() | fields, indent=2) + "\n")
        temporary.replace(self.path / "manifest.json")


class Lock:
    """The right to write into a run folder; the kernel takes it back when we die."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        """Take it.

        Raises:
            UserError: if another living process has it.
        """
        file = self._open()
        while not self._locked(file):  # its last owner took the name away meanwhile
            file.close()
            file = self._open()
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        self._file = file
        return self

    def _open(self) -> IO[str]:
        try:
            return self._path.open("a+")
        except OSError as error:
            raise UserError(
                f"cannot write to {self._path.parent}: {error.strerror}"
            ) from error

    def _locked(self, file: IO[str]) -> bool:
        """Lock an open file; whether it is the one that still has the name."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise UserError(
                f"{self._path.parent} is being written by {owner}; wait for it, or stop it"
            ) from error
        try:
            return self._path.stat().st_ino == os.fstat(file.fileno()).st_ino
        except FileNotFoundError:
            return False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        assert self._file is not None
        self._path.unlink(missing_ok=True)  # while it is ours: afterwards it may not be
        self._file.close()


def create(root: Path, cfg: RunCfg) -> RunFolder:
    """A new folder under ``root``, numbered if the run has been made before.

    Raises:
        UserError: if it cannot be created.
    """
    if not re.fullmatch(r"[\w.+-]+", cfg.preset):
        raise UserError(
            f"--preset {cfg.preset!r} names the run's folder: letters, digits and . + - _"
        )
    name = f"{cfg.preset}-{config_hash(cfg)}-s{cfg.seed}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f"-{n}" for n in range(2, 10_000))):
            path = root / f"{name}{suffix}"
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return _write_identity(RunFolder(path), cfg)
    except OSError as error:
        raise UserError(f"cannot write to {root}: {error.strerror}") from error
    raise UserError(f"{root} holds ten thousand runs of {name}; choose another --root")


def create_at(path: Path, cfg: RunCfg) -> RunFolder:
    """A new run in a folder of the user's choice, which must be empty or absent.

    Raises:
        UserError: if the folder holds anything, with the reason why that is refused.
    """
    folder = RunFolder(path)
    if (path / "config.yaml").is_file():
        theirs, ours = folder.config(), cfg
        if config_hash(theirs) != config_hash(ours) or theirs.seed != ours.seed:
            raise UserError(
                f"{path} holds another configuration ({theirs.preset}-{config_hash(theirs)}"
                f"-s{theirs.seed}, not {ours.preset}-{config_hash(ours)}-s{ours.seed}); "
                "choose another folder: one folder, one configuration"
            )
        raise UserError(f"{path} holds this very run; go on with --resume {path}")
    if path.is_file():
        raise UserError(
            f"{path} is a file; --out wants a folder that is empty or absent"
        )
    if path.exists() and any(path.iterdir()):
        raise UserError(
            f"{path} holds foreign files ({_names(path.iterdir())}); a run wants a folder of "
            "its own: mixed logs cannot be told apart later"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        return _write_identity(folder, cfg)
    except OSError as error:
        raise UserError(f"cannot write to {path}: {error.strerror}") from error


def _write_identity(folder: RunFolder, cfg: RunCfg) -> RunFolder:
    """Configuration and manifest: from here on the folder is this run's."""
    folder.write_config(cfg)
    folder.update_manifest(
        status="starting",
        preset=cfg.preset,
        config_hash=config_hash(cfg),
        seed=cfg.seed,
        writers=[],
    )
    return folder


def find(name: str, root: Path) -> RunFolder:
    """A run by path, or by its folder's name under ``root``.

    Raises:
        UserError: if there is none; lists the runs that there are.
    """
    for path in (Path(name), root / name):
        if (path / "config.yaml").is_file():
            return RunFolder(path)
    known = sorted(p.parent.name for p in root.glob("*/config.yaml"))
    listed = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "") or "none yet"
    raise UserError(f"no run {name!r}; runs in {root}: {listed}")


def foreign_files(folder: RunFolder) -> list[Path]:
    """Logs and folders in a run's folder that this run did not write."""
    strange = [p for p in folder.path.iterdir() if p != folder.metrics and _alien(p)]
    if folder.tensorboard.is_dir():
        mine = folder.manifest().get("writers", [])
        strange += [p for p in folder.tensorboard.iterdir() if not _written_by(p, mine)]
    return strange


def _alien(path: Path) -> bool:
    """Whether a name is that of a log, or of a folder that no run makes."""
    if path.is_dir():
        return _FOLDERS.fullmatch(path.name) is None
    return _LOG.fullmatch(path.name) is not None


def refuse_foreign_files(folder: RunFolder) -> None:
    """Check that nobody else wrote into the folder.

    Raises:
        UserError: naming the files that are not this run's.
    """
    strange = foreign_files(folder)
    if strange:
        raise UserError(
            f"{folder.path} holds files that this run did not write ({_names(strange)}); "
            "move them away: mixed logs cannot be told apart later"
        )


def _written_by(event_file: Path, writers: list[str]) -> bool:
    """Whether an event file's name carries the host and process of one of ours."""
    return any(f".{writer}." in event_file.name for writer in writers)


def sign_in(folder: RunFolder, device: torch.device, spaces: Spaces) -> None:
    """Record this process as a writer, with everything that one needs to repeat it."""
    me = f"{platform.node()}.{os.getpid()}"
    writers = [*folder.manifest().get("writers", []), me]
    folder.update_manifest(
        **provenance(device),
        writers=writers,
        processes=team.size(),
        spaces={"horizon": spaces.horizon, "action_dim": spaces.action_dim},
        task_sha256=task_sha256(folder.config().task),
        status="running",
    )


def refuse_other_task(folder: RunFolder) -> None:
    """Check that the file of a user's task is the one that the run began with.

    Raises:
        UserError: if it has changed since.
    """
    task, known = folder.config().task, folder.manifest().get("task_sha256")
    if known is not None and task_sha256(task) != known:
        raise UserError(
            f"{task} has changed since {folder.path} was begun; put it back, or start a "
            "new run: one folder, one task"
        )


def task_sha256(task: str) -> str | None:
    """Hash of the file that holds a task; None for one of ours."""
    path = Path(task.rpartition(":")[0])
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _names(paths: Iterable[Path]) -> str:
    """Up to three file names."""
    names = sorted(p.name for p in paths)
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")

"""Create and find run folders: one configuration, one writer, a name that says which.

runs/push-1a2b3c4d-s0/          preset - hash of the configuration - seed
manifest.json                 status, versions, git revision, device, argv, result
config.yaml
contract.json                 what the policy needs and returns: see core/spec
metrics.jsonl · tb/           the log, and the same for TensorBoard
task/                         the files of a user's task, as they were: see kept_task
plugins/                      those of a user's encoder, objective, agent: see plugins
checkpoints/                  two snapshots (checkpoints-1, ...: those of other processes)
curve.png · card.md · policy.mp4
lock                          held by the writer while it lives
"""

import fcntl
import json
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import yaml

from puckrl.config.run_cfg import RunCfg, config_hash, from_yaml, to_yaml
from puckrl.core.errors import UserError
from puckrl.core.spec import CONTRACT

# Images and notes do no harm in a run folder, logs of other runs do
_LOG = re.compile(r".*\.jsonl|.*\.csv|.*tfevents.*")
_FOLDERS = re.compile(r"tb|checkpoints(-\d+)?|diverged|task|plugins")


@dataclass(frozen=True)
class RunFolder:
    """Give access to the files of one run."""

    path: Path
    """Path of the folder."""

    @property
    def metrics(self) -> Path:
        """Path of the logged rows."""
        return self.path / "metrics.jsonl"

    @property
    def tensorboard(self) -> Path:
        """Folder of the TensorBoard event files."""
        return self.path / "tb"

    @property
    def checkpoints(self) -> Path:
        """Folder of the snapshots, those of the first process."""
        return self.path / "checkpoints"

    @property
    def contract(self) -> Path:
        """Path of what the policy needs and returns, how often, in which units."""
        return self.path / CONTRACT

    @property
    def kept_task(self) -> Path:
        """Folder of the copies of a user's task."""
        return self.path / "task"

    def checkpoints_of(self, rank: int) -> Path:
        """Return the folder of the snapshots of one of the processes that train together."""
        return self.path / f"checkpoints-{rank}" if rank else self.checkpoints

    def config(self) -> RunCfg:
        """Return the configuration of the run.

        Raises:
            UserError: if this is not a run folder, or its configuration is not valid.
        """
        file = self.path / "config.yaml"
        if not file.is_file():
            raise UserError(f"{self.path} is not a run folder: it has no config.yaml")
        try:
            return from_yaml(file.read_text())
        except (yaml.YAMLError, TypeError, ValueError) as error:
            raise UserError(
                f"{file} is not a valid configuration: {str(error).splitlines()[0]}; "
                "start a new run"
            ) from error

    def write_config(self, cfg: RunCfg) -> None:
        """Replace the configuration, atomically."""
        temporary = self.path / "config.yaml.tmp"
        temporary.write_text(to_yaml(cfg))
        temporary.replace(self.path / "config.yaml")

    def manifest(self) -> dict[str, Any]:
        """Return the manifest; empty before the run has written it.

        Raises:
            UserError: if the file is not JSON.
        """
        file = self.path / "manifest.json"
        try:
            return json.loads(file.read_text()) if file.is_file() else {}
        except ValueError as error:
            raise UserError(
                f"{file} is not JSON: {error}; restore it, or start a new run"
            ) from error

    def update_manifest(self, **fields: object) -> None:
        """Replace top-level fields of the manifest, atomically."""
        temporary = self.path / "manifest.json.tmp"
        temporary.write_text(json.dumps(self.manifest() | fields, indent=2) + "\n")
        temporary.replace(self.path / "manifest.json")


class Lock:
    """Hold the right to write into a run folder; the kernel releases it at our death."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            UserError: if another living process holds it.
        """
        file = self._open()
        while not self._locked(file):  # its last owner has deleted the file meanwhile
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
        """Lock an open file; return whether its path still names this file."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise UserError(
                f"{owner} is writing {self._path.parent}; wait until it ends, or stop it"
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
        """Release the lock."""
        assert self._file is not None
        self._path.unlink(
            missing_ok=True
        )  # before the release: afterwards it may be another's
        self._file.close()


def create(root: Path, cfg: RunCfg) -> RunFolder:
    """Create a folder for a new run under ``root``; number it if the name exists.

    Raises:
        UserError: if it cannot be created.
    """
    if not re.fullmatch(r"[\w.+-]+", cfg.preset):
        raise UserError(
            f"--preset {cfg.preset!r} names the run folder and may hold only letters, digits "
            "and . + - _"
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
    raise UserError(
        f"{root} already holds 10,000 runs of {name}; choose another --root"
    )


def create_at(path: Path, cfg: RunCfg) -> RunFolder:
    """Create a new run in a folder of the user's choice, which must be empty or absent.

    Raises:
        UserError: if the folder holds anything; says what, and what to do.
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
        raise UserError(
            f"{path} already holds this run; continue it with --resume {path}"
        )
    if path.is_file():
        raise UserError(
            f"{path} is a file; --out needs a folder that is empty or absent"
        )
    if path.exists() and any(path.iterdir()):
        raise UserError(
            f"{path} holds other files ({_names(path.iterdir())}); choose an empty folder, "
            "since mixed logs cannot be separated later"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        return _write_identity(folder, cfg)
    except OSError as error:
        raise UserError(f"cannot write to {path}: {error.strerror}") from error


def _write_identity(folder: RunFolder, cfg: RunCfg) -> RunFolder:
    """Write configuration and manifest; from now on the folder belongs to this run."""
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
    """Return a run by its path, or by its folder's name under ``root``.

    Raises:
        UserError: if there is no such run; lists those under ``root``.
    """
    for path in (Path(name), root / name):
        if (path / "config.yaml").is_file():
            return RunFolder(path)
    known = sorted(p.parent.name for p in root.glob("*/config.yaml"))
    listed = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "") or "none yet"
    raise UserError(f"no run {name!r}; runs in {root}: {listed}")


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
            f"{folder.path} holds files that this run did not write ({_names(strange)}); "
            "move them away, since mixed logs cannot be separated later"
        )


def _written_by(event_file: Path, writers: list[str]) -> bool:
    """Return whether an event file's name has the host and process of a writer."""
    return any(f".{writer}." in event_file.name for writer in writers)


def _names(paths: Iterable[Path]) -> str:
    """Return up to three file names as text."""
    names = sorted(p.name for p in paths)
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")

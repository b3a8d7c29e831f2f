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
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import yaml

from puckrl.config.run_cfg import RunCfg, config_hash, from_yaml, to_yaml
from puckrl.core.arguments import check
from puckrl.core.errors import UserError
from puckrl.core.source import is_file
from puckrl.core.spec import CONTRACT
from puckrl.runner.runs_dir import closest, run_names

_ASKED_S = 0.05  # is_running holds the lock for less
_LISTED = 4  # runs that an error names


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
            found = json.loads(file.read_text()) if file.is_file() else {}
        except ValueError as error:
            raise UserError(
                f"{file} is not JSON: {error}; restore it, or start a new run"
            ) from error
        if not isinstance(found, dict):
            raise UserError(
                f"{file} holds no JSON object; restore it, or start a new run"
            )
        return found

    def update_manifest(self, **fields: object) -> None:
        """Replace top-level fields of the manifest, atomically."""
        temporary = self.path / "manifest.json.tmp"
        temporary.write_text(json.dumps(self.manifest() | fields, indent=2) + "\n")
        temporary.replace(self.path / "manifest.json")

    def is_running(self) -> bool:
        """Return whether a living process writes into the folder."""
        try:
            with (self.path / "lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


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
            _take(file)
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


def _take(file: IO[str]) -> None:
    """Lock an open file; wait a moment for those who only ask whether the run is alive.

    Raises:
        BlockingIOError: if another process keeps it.
    """
    for tries_left in reversed(range(10)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not tries_left:
                raise
            time.sleep(_ASKED_S / 10)
        else:
            return


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
        f"{root} already holds 10,000 runs of {name}; choose another folder with --runs"
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
            f"{path} holds other files ({file_names(path.iterdir())}); choose an empty folder, "
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


def find(name: str | Path, root: Path) -> RunFolder:
    """Return a run by its path, or by its folder's name under ``root``.

    Raises:
        UserError: if there is no such run; it names the closest and the newest under ``root``.
    """
    check("path", name, str | Path)
    for path in (Path(name), root / name):
        if is_file(path / "config.yaml"):
            return RunFolder(path)
    raise no_run(str(name), root)


def no_run(name: str, root: Path) -> UserError:
    """Return the error for a run that is not there: the closest one, the newest ones."""
    known = run_names(root)
    if not known:
        return UserError(
            f"no run {name!r}: {root} holds none yet; --runs DIR looks elsewhere"
        )
    close = closest(name, root)
    meant = f"; did you mean {close}?" if close else ""
    listed = ", ".join(known[:_LISTED]) + (", ..." if len(known) > _LISTED else "")
    newest = f"{' The' if meant else '; the'} newest in {root}: {listed}"
    return UserError(f"no run {name!r}{meant}{newest}; all: puck runs")


def file_names(paths: Iterable[Path]) -> str:
    """Return up to three file names as text."""
    names = sorted(p.name for p in paths)
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")

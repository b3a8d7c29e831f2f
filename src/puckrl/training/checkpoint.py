"""Snapshots that survive a kill at any moment.

    checkpoints/
      episodes-0-1600.safetensors        replay, written once, shared by snapshots
      episodes-1600-3200.safetensors
      state-000002.safetensors           networks, optimizers, simulation, RNG streams
      snapshot-000002.json               clocks, and a SHA-256 of each file above

A file is written under a temporary name, synced, then renamed; the JSON comes last,
so a snapshot exists only when all of its files do. Two snapshots are kept. Loading
checks every hash and falls back to the older snapshot, with a warning. Loading cannot
run code, because the files are safetensors and JSON.
"""

import hashlib
import json
import logging
import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.sections import section, under
from puckrl.replay.buffer import ReplayBuffer

log = logging.getLogger(__name__)

_REPLAY = "replay"  # section of a snapshot
_KEPT = 2
_CHUNK_BYTES = 128 << 20  # writing copies episodes to the host
_WRITERS = 4  # chunks written at a time: copying, hashing and syncing are slow


@dataclass(frozen=True)
class _File:
    """A file of a snapshot."""

    name: str
    sha256: str


@dataclass(frozen=True)
class _Chunk:
    """Episodes first ... last - 1 in one file."""

    file: _File
    first: int
    last: int


@dataclass(frozen=True)
class Snapshot:
    """The saved state without the replay buffer."""

    tensors: dict[str, Tensor]
    """The complete state, by name."""
    scalars: dict[str, Any]
    """Clocks and other plain numbers."""


class Damaged(Exception):
    """A file of a snapshot is missing or corrupt."""


class Checkpoints:
    """The snapshots of one run.

    Args:
        folder: folder of the snapshots; created if missing.
        replay: whether to save the replay buffer; a run without it cannot be resumed.
    """

    def __init__(self, folder: Path, *, replay: bool = True) -> None:
        self.folder, self.keeps_replay = folder, replay
        folder.mkdir(parents=True, exist_ok=True)
        self._chunks: list[_Chunk] = []
        self._serial = max((_serial(p) for p in self._manifests()), default=0)

    def _manifests(self) -> list[Path]:
        """Return the manifests of complete snapshots, oldest first."""
        return sorted(self.folder.glob("snapshot-*.json"))

    def save(
        self,
        tensors: dict[str, Tensor],
        scalars: dict[str, Any],
        replay: ReplayBuffer,
    ) -> None:
        """Write one snapshot; it shares the files of already saved episodes.

        Raises:
            OSError: if writing fails; earlier snapshots stay intact.
        """
        self._serial += 1
        self._chunks = self._units(replay) if self.keeps_replay else []
        if self.keeps_replay:
            tensors = tensors | under(_REPLAY, replay.snapshot())
        state = self._write(f"state-{self._serial:06d}.safetensors", tensors)
        body = {
            "scalars": scalars,
            "added": replay.added,
            "state": asdict(state),
            "chunks": [asdict(chunk) for chunk in self._chunks],
        }
        text = json.dumps(body)
        manifest = {"sha256": _sha256(text.encode()), "body": text}
        with _atomic(self.folder / f"snapshot-{self._serial:06d}.json") as temporary:
            temporary.write_text(json.dumps(manifest))
        self._sweep()

    def _units(self, replay: ReplayBuffer) -> list[_Chunk]:
        """Write units that no earlier snapshot has; return the chunks of all units."""
        chunks = [c for c in self._chunks if c.last > replay.oldest]
        start = max(chunks[-1].last if chunks else 0, replay.oldest)
        at_once = max(1, _CHUNK_BYTES // replay.bytes_per_unit)
        firsts = range(start, replay.added, at_once)

        def write(first: int) -> _Chunk:
            last = min(first + at_once, replay.added)
            name = f"episodes-{first}-{last}.safetensors"
            return _Chunk(self._write(name, replay.export(first, last)), first, last)

        with ThreadPoolExecutor(_WRITERS) as writers:
            return [*chunks, *writers.map(write, firsts)]

    def _write(self, name: str, tensors: dict[str, Tensor]) -> _File:
        """Write tensors to a file in the folder."""
        on_host = {key: x.detach().cpu().contiguous() for key, x in tensors.items()}
        with _atomic(self.folder / name) as temporary:
            save_file(on_host, temporary)
            return _File(name, _hash_of(temporary))

    def _sweep(self) -> None:
        """Delete files that no kept snapshot needs, and temporary files."""
        manifests = self._manifests()
        for old in manifests[:-_KEPT]:
            old.unlink()
        needed = {path.name for path in manifests[-_KEPT:]}
        for path in manifests[-_KEPT:]:
            needed |= _files_of(path)
        for path in self.folder.iterdir():
            if path.name not in needed:
                path.unlink()

    @property
    def serial(self) -> int:
        """Number of the newest snapshot; 0: there is none."""
        return self._serial

    def load(self, replay: ReplayBuffer, newest: int | None = None) -> Snapshot:
        """Load the newest intact snapshot, and its episodes into ``replay``.

        If no snapshot is completely intact, load the newest one whose state is intact,
        without its damaged episodes.

        Args:
            replay: the replay buffer to fill.
            newest: number of the newest snapshot to consider; None: all.

        Raises:
            UserError: if no snapshot can be used.
        """
        paths = [p for p in self._manifests() if newest is None or _serial(p) <= newest]
        for lenient in (False, True):
            for path in reversed(paths):
                try:
                    snapshot = self._load(path, replay, lenient=lenient)
                except Damaged as error:
                    log.warning("%s: %s; %s", path.name, error, _next(path, paths))
                    continue
                self._forget_after(path)
                return snapshot
        raise UserError(f"no usable snapshot in {self.folder}; start the run anew")

    def forget(self) -> None:
        """Delete every snapshot, to start the run anew."""
        for path in self._manifests():
            path.unlink()
        self._serial, self._chunks = 0, []

    def _forget_after(self, path: Path) -> None:
        """Delete snapshots newer than the one in use, which would count as kept."""
        for newer in self._manifests():
            if newer > path:
                newer.unlink()
        self._serial = _serial(path)

    def _load(self, path: Path, replay: ReplayBuffer, *, lenient: bool) -> Snapshot:
        """Load one snapshot; raise ``Damaged`` if a file that it needs is corrupt."""
        body = _body(path)
        tensors = self._read(_File(**body["state"]))
        chunks = [
            _Chunk(_File(**c["file"]), c["first"], c["last"]) for c in body["chunks"]
        ]
        # All are checked before the first is loaded; memory holds one at a time
        intact = list(self._intact(chunks, lenient=lenient))
        replay.forget()  # a newer, damaged snapshot may have filled it
        for chunk in intact:
            replay.load(chunk.first, load_file(self.folder / chunk.file.name))
        replay.restore(section(_REPLAY, tensors), body["added"])
        self._chunks = intact
        return Snapshot(tensors, body["scalars"])

    def _intact(self, chunks: list[_Chunk], *, lenient: bool) -> Iterator[_Chunk]:
        """Yield the intact chunks; skip damaged ones if ``lenient``, else raise."""
        for chunk in chunks:
            try:
                self._check(chunk.file)
            except Damaged as error:
                if not lenient:
                    raise
                log.warning("%s: %d episodes are lost", error, chunk.last - chunk.first)
            else:
                yield chunk

    def _check(self, file: _File) -> None:
        """Raise ``Damaged`` unless the file's hash is correct."""
        try:
            found = _hash_of(self.folder / file.name)
        except OSError as error:
            raise Damaged(f"{file.name} cannot be read ({error.strerror})") from error
        if found != file.sha256:
            raise Damaged(f"{file.name} is damaged")

    def _read(self, file: _File) -> dict[str, Tensor]:
        """Return the tensors of a file after checking its hash."""
        self._check(file)
        return load_file(self.folder / file.name)


def serials(folder: Path) -> list[int]:
    """Return the numbers of the complete snapshots in a folder, oldest first."""
    return sorted(_serial(path) for path in folder.glob("snapshot-*.json"))


def read_scalars(folder: Path, serial: int) -> dict[str, Any] | None:
    """Return clocks and plain numbers of a snapshot; None if it is damaged."""
    try:
        return _body(folder / f"snapshot-{serial:06d}.json")["scalars"]
    except Damaged:
        return None


def read_state(folder: Path, serial: int | None = None) -> Snapshot:
    """Return an intact state, without its replay buffer, to evaluate.

    Args:
        folder: folder of the snapshots.
        serial: number of the snapshot; None: the newest intact one.

    Raises:
        UserError: if there is none.
    """
    checkpoints = Checkpoints(folder)
    paths = checkpoints._manifests()
    if serial is not None:
        paths = [path for path in paths if _serial(path) == serial]
    if serial is not None and not paths:
        known = ", ".join(map(str, serials(folder))) or "none"
        raise UserError(f"no snapshot {serial} in {folder}; legal: {known}")
    for path in reversed(paths):
        try:
            body = _body(path)
            return Snapshot(checkpoints._read(_File(**body["state"])), body["scalars"])
        except Damaged as error:
            log.warning("%s: %s; %s", path.name, error, _next(path, paths))
    if paths:
        raise UserError(f"no usable snapshot in {folder}: none is intact; train anew")
    raise UserError(f"no usable snapshot in {folder}: there is none yet; train first")


def _next(path: Path, paths: Sequence[Path]) -> str:
    """Return the warning's words for what is done after a damaged snapshot."""
    return "trying the one before" if path != paths[0] else "there is none before it"


def _body(path: Path) -> dict[str, Any]:
    """Return a manifest's content; raise ``Damaged`` if its hash is wrong."""
    try:
        manifest = json.loads(path.read_bytes())
        if _sha256(manifest["body"].encode()) == manifest["sha256"]:
            return json.loads(manifest["body"])
    except (ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
        raise Damaged(f"{path.name} is unreadable") from error
    raise Damaged(f"{path.name} is damaged")


def _files_of(path: Path) -> set[str]:
    """Return the names of the files of a snapshot; none if it is damaged."""
    try:
        body = _body(path)
    except Damaged:
        return set()
    return {body["state"]["name"], *(chunk["file"]["name"] for chunk in body["chunks"])}


def _serial(path: Path) -> int:
    """Return the number in ``snapshot-000012.json``."""
    return int(path.stem.rpartition("-")[2])


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hash_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _atomic(path: Path) -> Generator[Path]:
    """Yield a temporary file to write; then sync it, rename it, and sync the folder."""
    temporary = path.with_suffix(path.suffix + ".tmp")
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

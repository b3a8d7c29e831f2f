"""Keep the compiled code of each configuration, say whether it is there, drop what is damaged.

    caches of puckrl/compiled/CONFIG-DEVICE-VERSIONS/
      torch/             torch's compiler writes here: graphs, C++ and Triton code
      contents.json      sizes of these files and of Warp's modules, and what making them took

Torch and Warp find their entries by content; neither looks whether a file is whole.
"""

import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from puckrl.config.notices import Notice
from puckrl.config.run_cfg import RunCfg, config_hash
from puckrl.core.runtime import accelerator_name, has_compiler
from puckrl.core.words import duration

log = logging.getLogger(__name__)

State = Literal["nothing", "cold", "warm", "damaged"]
"""nothing: the run compiles nothing; cold: not yet compiled here; damaged: a file is missing or cut."""

_TORCH = "TORCHINDUCTOR_CACHE_DIR"
_PASSING = (".lock", ".tmp")
_chosen: list[str] = []  # the folder that this process has given to torch


@dataclass(frozen=True)
class Caches:
    """The compiled code of one configuration on one device."""

    folder: Path
    """Holds contents.json, and torch's files."""
    compiles: bool
    """Whether the run compiles its updates or its physics."""

    @property
    def torch(self) -> Path:
        """Folder that torch's compiler gets."""
        return self.folder / "torch"

    def state(self) -> State:
        """Return whether the next run finds its compiled code."""
        if not self.compiles:
            return "nothing"
        contents = self._contents()
        if contents is None:
            return "cold"
        return "damaged" if _harmed(contents["files"]) else "warm"

    def took_s(self) -> float | None:
        """Return how long compiling took when nothing was there; None: not known."""
        contents = self._contents()
        return None if contents is None else contents.get("took_s")

    def drop_damaged(self) -> list[Path]:
        """Delete damaged files with all that stands beside them; return what is gone."""
        contents = self._contents()
        harmed = _harmed(contents["files"]) if contents else []
        if not harmed:
            return []
        gone = dict.fromkeys(self._unit(Path(name)) for name in harmed)
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)
        (self.folder / "contents.json").unlink(missing_ok=True)
        return list(gone)

    def take_stock(self, modules: Iterable[Path]) -> None:
        """Write down which files there are; without any, nothing.

        Args:
            modules: folders of Warp's modules that the run uses.
        """
        files = {
            str(path): path.stat().st_size
            for folder in (self.torch, *modules)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.endswith(_PASSING)
        }
        if files:
            self._write({"files": files, "took_s": self.took_s()})

    def note_cost(self, seconds: float) -> None:
        """Write down what it took to compile all that is there."""
        contents = self._contents()
        if contents is not None:
            self._write({**contents, "took_s": seconds})

    def _write(self, contents: dict[str, Any]) -> None:
        beside = self.folder / f"contents.{os.getpid()}.tmp"
        beside.write_text(json.dumps(contents))
        beside.replace(self.folder / "contents.json")

    def _contents(self) -> dict[str, Any] | None:
        """Return what was written down; None if nothing was, or it cannot be read."""
        try:
            found = json.loads((self.folder / "contents.json").read_text())
        except (OSError, ValueError):
            return None
        sound = isinstance(found, dict) and isinstance(found.get("files"), dict)
        return found if sound else None

    def _unit(self, file: Path) -> Path:
        """Return what goes with a damaged file: all of torch's, or a module of Warp's."""
        return self.torch if self.torch in file.parents else file.parent


def _harmed(files: dict[str, int]) -> list[str]:
    """Return the files that are missing or have another size."""

    def size(name: str) -> int:
        try:
            return os.stat(name).st_size
        except OSError:
            return -1

    return [name for name, written in files.items() if size(name) != written]


def root() -> Path:
    """Return the folder of all caches: PUCK_CACHE, else puckrl in the user's cache folder."""
    if given := os.environ.get("PUCK_CACHE"):
        return Path(given)
    users = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(users) / "puckrl"


def caches_of(cfg: RunCfg) -> Caches:
    """Return the caches of a configuration on the device that it names."""
    device = accelerator_name(cfg.device)
    parts = [
        device,
        *(_version(name) for name in ("torch", "warp-lang", "mujoco-warp")),
    ]
    place = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
    on_gpu = device != "cpu"
    compiles = cfg.loop.compile and (on_gpu or has_compiler())
    return Caches(
        root() / "compiled" / f"{config_hash(cfg)}-{place}",
        compiles or (on_gpu and cfg.sim.backend == "warp"),
    )


def _version(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name


@contextmanager
def kept_code(cfg: RunCfg) -> Generator[None]:
    """Let the ``with`` block compile into a folder of the configuration, and take stock.

    What an earlier run has compiled is used, unless a file of it is damaged.
    """
    caches = caches_of(cfg)
    if not caches.compiles or not _usable(caches):
        yield
        return
    for path in caches.drop_damaged():
        log.warning("damaged compiled code in %s is dropped and made again", path)
    if os.environ.get(_TORCH) in (None, *_chosen):  # a user's own choice stands
        os.environ[_TORCH] = str(caches.torch)
        _chosen[:] = [str(caches.torch)]
    yield
    with suppress(
        OSError
    ):  # a full disk costs the next run its time, and this one nothing
        caches.take_stock(_modules())


def _modules() -> list[Path]:
    """Return the folders of Warp's modules that this process has loaded."""
    kernels = sys.modules.get("puckrl.sim.kernels")  # imports Warp, which few runs need
    return kernels.loaded_modules() if kernels else []


def _usable(caches: Caches) -> bool:
    """Return whether the folder can be written; say so if it cannot."""
    try:
        caches.torch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.warning(
            "compiled code cannot be kept in %s: %s; PUCK_CACHE names another folder",
            caches.folder,
            error.strerror or error,
        )
        return False
    return True


def notices(cfg: RunCfg) -> list[Notice]:
    """Say whether a run's compiled code is there, and what it costs if it is not."""
    caches = caches_of(cfg)
    state, took = caches.state(), caches.took_s()
    cost = f", which took {duration(took)} here" if took else ""
    ahead = f"puck warm-up {cfg.preset} does it ahead of time"
    match state:
        case "nothing":
            return []
        case "warm":
            return [Notice("note", f"compiled code is there (warm){cost}")]
        case "damaged":
            text = "compiled code is damaged: the run drops it and compiles first"
        case "cold":
            text = "no compiled code yet (cold): the run compiles first"
    return [Notice("note", f"{text}{cost}; {ahead}")]

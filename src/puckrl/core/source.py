"""Load a user's file as Python loads a script, and find the files that it consists of."""

import hashlib
import importlib.util
import os
import re
import sys
import traceback
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from modulefinder import ModuleFinder
from pathlib import Path, PurePath
from types import ModuleType

from puckrl.core.errors import UserError, said

_DATA = frozenset(
    [
        ".xml",
        ".mjcf",
        ".urdf",
        ".obj",
        ".stl",
        ".msh",
        ".skn",
        ".png",
        ".jpg",
        ".ktx",
        ".hdr",
        ".bin",
        ".npy",
        ".npz",
        ".json",
        ".yaml",
        ".yml",
        ".toml",
        ".txt",
        ".csv",
    ]
)
"""Endings of files that a user's file may read besides modules."""
_FILE_NAME = re.compile(rb"[\w.+-]+\.\w+")
_MAX_FILES = 20_000
_LIBRARIES = frozenset({"site-packages", "dist-packages", "__pycache__"})
_loaded: dict[str, tuple[Path, str]] = {}
"""File and hash of each module beside a user's file, by name."""


@dataclass(frozen=True)
class Source:
    """Hold the paths of all files that define a task, an encoder and so on."""

    file: Path
    """The user's file, absolute."""
    parts: Mapping[str, Path]
    """Each file by its path below the file's folder: the file, the modules beside it
    that it imports, the data below the folder that they name."""

    def hashes(self) -> dict[str, str]:
        """Return the hash of each part."""
        return {name: sha256(path) for name, path in self.parts.items()}


def split_name(name: str) -> tuple[Path, str]:
    """Return file and class of ``path/to/file.py:ClassName``.

    Raises:
        UserError: if there is no such file.
    """
    file, _, attribute = name.rpartition(":")
    if not is_file(Path(file)):
        raise UserError(f"no file {file!r}; write path/to/file.py:ClassName")
    return Path(file), attribute


def is_file(path: Path) -> bool:
    """Return whether a path is a file; a path that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def source_of(file: Path) -> Source:
    """Return the files that define the classes of a Python file, without running it."""
    file = file.resolve()
    modules = [file, *modules_beside(file).values()]
    parts = {_below(file.parent, path): path for path in modules}
    texts = [path.read_bytes() for path in modules]
    parts |= {_below(file.parent, path): path for path in _named(file.parent, texts)}
    return Source(file, parts)


def modules_beside(file: Path) -> dict[str, Path]:
    """Return the modules in a file's folder that the file imports, directly or not."""
    finder = ModuleFinder(path=[str(file.parent)])
    try:
        with warnings.catch_warnings(action="ignore"):  # running the file shows them
            finder.run_script(str(file))
    except (OSError, SyntaxError, ValueError):  # running the file tells what is wrong
        return {}
    found = {
        name: getattr(module, "__file__", None)
        for name, module in finder.modules.items()
    }
    return {
        name: Path(path).resolve()
        for name, path in found.items()
        if path and name != "__main__" and path.endswith(".py")
    }


def _named(folder: Path, texts: list[bytes]) -> Iterator[Path]:
    """Yield data files below a folder that a text names, or a file that is so found."""
    below: dict[str, list[Path]] = {}
    for path in _data_below(folder):
        below.setdefault(path.name, []).append(path)
    while texts and below:
        for name in {found.decode() for found in _FILE_NAME.findall(texts.pop())}:
            for path in below.pop(name, []):
                yield path
                texts.append(path.read_bytes())


def _data_below(folder: Path) -> Iterator[Path]:
    """Yield the data files below a folder, but not those of environments and runs."""
    seen = 0
    for at, folders, files in os.walk(folder):
        if "manifest.json" in files and "config.yaml" in files:
            folders.clear()  # a run keeps such files itself
            continue
        folders[:] = sorted(
            f for f in folders if not f.startswith(".") and f not in _LIBRARIES
        )
        seen += len(files)
        if seen > _MAX_FILES:
            return
        for name in sorted(files):
            if PurePath(name).suffix.lower() in _DATA:
                yield (Path(at) / name).resolve()


def _below(folder: Path, path: Path) -> str:
    """Return a path relative to a folder; the bare name of a file that is elsewhere."""
    inside = path.is_relative_to(folder)
    return path.relative_to(folder).as_posix() if inside else path.name


def load(path: Path) -> ModuleType:
    """Run a Python file as a module; its folder is the first place to import from.

    Raises:
        UserError: if the file raises; it names the error and its line.
    """
    name, file = f"puckrl_task_{path.stem}", path.resolve()
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"{str(path)!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # dataclasses look up the module of the class that they decorate
    sys.modules[name] = module
    _make_importable(file)
    try:
        with _without_bytecode():
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        where = place(path, error) or f"{path}, line 1"
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        raise UserError(f"{where}: {kind}{said(error)}") from error
    return module


@contextmanager
def _without_bytecode() -> Generator[None]:
    """Leave no ``__pycache__`` in folders of users and runs."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _make_importable(file: Path) -> None:
    """Let a file import the modules beside it, as they are now.

    A module of the same name that another user's file has imported is forgotten, and so is
    an earlier version of the same module.
    """
    importlib.invalidate_caches()
    folder = str(file.parent)
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    for name, path in modules_beside(file).items():
        now = (path, sha256(path))
        if name in sys.modules and _loaded.get(name, now) != now:
            del sys.modules[name]
        if name not in sys.modules:
            _loaded[name] = now


def place(file: Path, error: BaseException) -> str | None:
    """Return where in a user's files an error was raised; None if it was elsewhere."""
    folder = file.resolve().parent
    if isinstance(error, SyntaxError) and _is_own(folder, error.filename):
        return f"{_shown(file, error.filename)}, line {error.lineno or 1}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_own(folder, frame.filename):
            return f"{_shown(file, frame.filename)}, line {frame.lineno or 1}"
    return None


def _is_own(folder: Path, filename: str | None) -> bool:
    """Return whether a file belongs to the user's folder, and to no library in it."""
    path = Path(filename or "").resolve()  # "<string>" is code without a file
    if not (path.is_relative_to(folder) and is_file(path)):
        return False
    return not _LIBRARIES & set(path.relative_to(folder).parts)


def _shown(file: Path, found: str | None) -> str:
    """Return a file as its user would write it."""
    below = Path(found or "").resolve().relative_to(file.resolve().parent)
    return str(file.parent / below)


def sha256(path: Path) -> str:
    """Return the hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

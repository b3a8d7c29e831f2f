"""Write a folder whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from puckrl.core.errors import UserError
from puckrl.runner.run_folder import file_names

_REPLACED = ".replaced"
Ours = Callable[[Path], bool]
"""Whether a folder that is not empty may be replaced."""


def check_target(path: Path, what: str, ours: Ours) -> None:
    """Refuse a folder that holds something else, before any work is done.

    Args:
        path: where to write.
        what: what is to be written, for the message.
        ours: whether what is there may be replaced.

    Raises:
        UserError: if it is a file, or holds other files.
    """
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file; -o needs a folder that is empty or absent")
    if path.is_dir() and any(path.iterdir()) and not ours(path):
        raise UserError(
            f"{path} holds other files ({file_names(path.iterdir())}) and no {what}; "
            "choose an empty folder: -o DIR"
        )


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path``, which takes its place at the end.

    After an error, as of a full disk, the temporary folder is deleted and what was at
    ``path`` is still there.

    Raises:
        UserError: if it cannot be written.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        temporary.chmod(0o777 & ~_umask())
        yield temporary
        _take_place(temporary, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    """Return the process's mask of permissions."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _take_place(temporary: Path, path: Path) -> None:
    """Move the finished folder to its place; what was there is deleted last."""
    old = temporary / _REPLACED
    if path.exists():
        path.rename(old)
    try:
        temporary.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
    shutil.rmtree(path / _REPLACED, ignore_errors=True)

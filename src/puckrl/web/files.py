"""Say which files of a folder the page may show, and open no other."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

FILMS = {".mp4": "video/mp4", ".webm": "video/webm"}
"""Endings of films, and their types."""
PICTURES = {".gif": "image/gif", ".png": "image/png", ".jpg": "image/jpeg"}
"""Endings of pictures, and their types."""
_DRAWN = ("curve.png",)  # the page draws it itself
_MOST_TEXT = 1 << 20


def shown(folder: Path, owner: str) -> list[dict[str, str]]:
    """Return the films and pictures of a folder, films first: name, kind, url.

    Args:
        folder: of a run or of a study.
        owner: the id that stands for the folder in addresses.
    """
    found = [
        {
            "name": path.name,
            "kind": "film" if path.suffix.lower() in FILMS else "picture",
            "url": f"file/{owner}/{quote(path.name)}",
        }
        for path in _inside(folder)
    ]
    return sorted(found, key=lambda file: (file["kind"], file["name"]))


def find(folder: Path, name: str) -> tuple[Path, str] | None:
    """Return a film or picture by its name, with its type; None if there is none.

    Names are compared with those that the folder has: no name leads out of it.
    """
    for path in _inside(folder):
        if path.name == name:
            return path, {**FILMS, **PICTURES}[path.suffix.lower()]
    return None


def _inside(folder: Path) -> Iterator[Path]:
    """Yield the films and pictures that lie in a folder; a link may not lead out of it."""
    try:
        home, paths = folder.resolve(), sorted(folder.iterdir())
    except OSError:
        return
    for path in paths:
        if path.name in _DRAWN or path.suffix.lower() not in {**FILMS, **PICTURES}:
            continue
        if path.is_file() and path.resolve().is_relative_to(home):
            yield path


def text_of(path: Path) -> str | None:
    """Return a text of the folder's own, cut after a megabyte; None if there is none."""
    try:
        if not path.resolve().is_relative_to(path.parent.resolve()):
            return None
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST_TEXT)
    except OSError:
        return None


def unquoted(name: str) -> str:
    """Return a name as it is in the folder, from its form in an address."""
    return unquote(name)

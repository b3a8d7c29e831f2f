"""Write the page with all that it shows as one file, which opens without a server."""

import base64
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from puckrl.core.errors import UserError, first_line
from puckrl.web import files
from puckrl.web.board import Board
from puckrl.web.page import page

MOST_FILM = 8 << 20
"""Bytes of a film or picture that is written into the page; larger ones are left out."""
MOST_FILMS = 64 << 20
"""Bytes of all of them."""


def data_of(board: Board) -> dict[str, Any]:
    """Return all that a page shows of the runs of a board, as plain values for JSON."""
    board.look()
    _, found = board.since(-1)
    stories: dict[str, Any] = {}
    curves: dict[str, Any] = {}
    for run in board.runs:
        try:
            story = run.story().as_dict()
            curves[run.id] = run.curves([*story["signals"]])
            stories[run.id] = story
        except (UserError, OSError) as error:
            stories[run.id] = {"id": run.id, "problem": first_line(error)}
    media = _media(board, [one for s in stories.values() for one in s.get("files", ())])
    for study in board.studies:
        urls = [{"url": url} for url in study.view.figures.values()]
        media |= _media(board, urls, sum(map(len, media.values())))
    return {
        **found,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "stories": stories,
        "curves": curves,
        "media": media,
    }


def _media(board: Board, shown: Iterable[Any], used: int = 0) -> dict[str, str]:
    """Return films and pictures as data in their addresses, as far as they fit."""
    found: dict[str, str] = {}
    for file in shown:
        _, owner, name = file["url"].split("/")
        folder = board.folder(owner)
        known = None if folder is None else files.find(folder, files.unquoted(name))
        if known is None:
            continue
        path, kind = known
        try:
            data = path.read_bytes()
        except OSError:  # it has vanished meanwhile
            continue
        if len(data) <= MOST_FILM and used + len(data) <= MOST_FILMS:
            used += len(data)
            encoded = base64.b64encode(data).decode()
            found[file["url"]] = f"data:{kind};base64,{encoded}"
    return found


def write_page(board: Board, path: Path, title: str) -> int:
    """Write the page of a board's runs; return its size in bytes.

    The file is there as a whole or not at all.

    Args:
        board: the runs.
        path: the file; replaced if it exists.
        title: names what is shown.

    Raises:
        UserError: if there is no run, the ending is not .html, or it cannot be written.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out {path}: a page ends in .html")
    data = data_of(board)
    if not data["rows"] and not data["studies"]:
        named = ", ".join(map(str, board.paths))
        raise UserError(f"no runs in {named}; puck train makes some")
    text = page(title, data).encode()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; --out names another place"
        ) from error
    return len(text)

"""Read JSON files that are one document, as rows: a list, columns, a history among settings.

[{"step": 1, ...}, {"step": 2, ...}]
{"step": [1, 2], "success": [0.1, 0.2]}
{"config": {...}, "history": [{"step": 1, ...}, {"step": 2, ...}]}
[[1700000000.0, 1, 0.1], [1700000060.0, 2, 0.2]]     a tag that TensorBoard's page saved
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from puckrl.core.errors import UserError
from puckrl.logs.names import ours
from puckrl.logs.text import blocks, head

_BYTES = 1 << 26  # of a document
_CLOCKS = ("env_steps", "updates", "episodes")
_TAG = ("wall_time", "step", "value")


def rows_of(path: Path) -> bytes | None:
    """Return the rows of a document as JSON lines; None if it has an object on each line.

    Raises:
        UserError: if it is a list of anything else, or too long.
    """
    start = head(path).lstrip()
    first, _, more = start.partition("\n")
    if not start.startswith(("[", "{")) or (more.strip() and _is_object(first)):
        return None
    text = b""
    for block in blocks(path, on_cut=lambda: None):
        text += block
        if len(text) > _BYTES:
            if start.startswith("{"):
                return None
            raise UserError(
                f"{path} is a list of more than {_BYTES >> 20} MB; write its objects one a line"
            )
    try:
        rows = list(_rows(json.loads(text)))
    except (ValueError, TypeError, RecursionError):
        if start.startswith("{"):
            return None
        raise UserError(
            f"{path} is no list of JSON objects: {text[:40].decode()!r}"
        ) from None
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _is_object(line: str) -> bool:
    """Return whether a line is a whole JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _rows(document: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a document.

    Raises:
        TypeError: if it is a list of something else.
    """
    if isinstance(document, dict):
        lists = dict(_lists(document))
        histories = [rows for rows in lists.values() if _are_objects(rows)]
        if (columns := _columns(lists)) is not None:
            yield from columns
        elif histories:
            yield from max(histories, key=len)
        else:
            yield document
    elif _are_objects(document):
        yield from document
    elif all(len(row) == len(_TAG) for row in document):
        for row in document:
            yield dict[str, Any](zip(_TAG, row, strict=True))
    else:
        raise TypeError


def _are_objects(rows: Sequence[Any]) -> bool:
    return bool(rows) and all(isinstance(row, dict) for row in rows)


def _lists(document: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the lists of a document, nested ones under ``outer/inner``."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _lists(value, f"{before}{name}/")
        elif isinstance(value, list) and value:
            yield before + name, value


def _columns(
    lists: Mapping[str, Sequence[Any]],
) -> Iterator[Mapping[str, Any]] | None:
    """Return the rows of lists that are as long as the one of a clock; None without one."""
    clocks = {
        name: values
        for name, values in lists.items()
        if ours(name, {}) in _CLOCKS and len(values) > 1 and not _are_objects(values)
    }
    if not clocks:
        return None
    size = max(len(values) for values in clocks.values())
    same = {name: values for name, values in lists.items() if len(values) == size}
    return (
        dict(zip(same, row, strict=True)) for row in zip(*same.values(), strict=True)
    )

"""Read text of any encoding in blocks of whole lines, within bounds.

A log may be compressed (.gz), begin with a byte-order mark, or be UTF-16 as Excel and
PowerShell write it. Whatever else it is, it costs one line of error, bounded memory and
bounded time.
"""

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path

from puckrl.core.errors import UserError, first_line

File = BufferedReader | gzip.GzipFile
"""An open file, compressed or not."""
BLOCK = 1 << 22
"""Bytes of a block."""
_LINE = 1 << 23  # bytes of the longest line
_TOTAL = 1 << 32  # bytes of a file, decompressed
_TEXT = bytes([*range(9, 14), 27, *range(32, 256)])  # all but control characters


def blocks(
    path: Path, size: int = BLOCK, on_cut: Callable[[], None] | None = None
) -> Iterator[bytes]:
    """Yield a file's text as UTF-8, some whole lines at a time.

    Args:
        path: the file.
        size: bytes that are read at once.
        on_cut: called where a compressed file ends too soon, after its last whole line;
            without it that is an error.

    Raises:
        UserError: if it cannot be read, is no text, or exceeds the bounds.
    """
    rest, total, cut = b"", 0, list[bool]()
    try:
        for part in _utf8(path, size, lambda: cut.append(True)):
            total += len(part)
            if total > _TOTAL:
                raise UserError(f"{path} holds more than {_TOTAL >> 30} GB of text")
            text = rest + part
            end = text.rfind(b"\n") + 1
            whole, rest = text[:end], text[end:]
            if len(rest) > _LINE:
                raise UserError(
                    f"{path} has a line of more than {_LINE >> 20} MB; it is no log"
                )
            if whole:
                yield whole
    except (OSError, zlib.error) as error:
        raise UserError(f"cannot read {path}: {first_line(error)}") from error
    if cut and (on_cut is None or total == len(rest)):
        raise UserError(f"cannot read {path}: the compressed file ends too soon")
    if cut and on_cut is not None:
        on_cut()  # what is left is half a line
    elif rest:
        yield rest


def head(path: Path, size: int = 1 << 16) -> str:
    """Return the first lines of a file, at most ``size`` bytes.

    Raises:
        UserError: as ``blocks``.
    """
    return next(blocks(path, size, lambda: None), b"")[:size].decode(errors="replace")


def _open(path: Path) -> File:
    """Open a file, or what is compressed in it."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.GzipFile(path) if zipped else path.open("rb")


def _utf8(path: Path, size: int, on_cut: Callable[[], None]) -> Iterator[bytes]:
    """Yield the bytes of a file as UTF-8, without byte-order mark and bare returns."""
    with _open(path) as file:
        start = _read(file, size, on_cut)
        decoder = _decoder(path, start)
        part = start.removeprefix(codecs.BOM_UTF8)
        while part:
            text = part if decoder is None else decoder.decode(part).encode()
            yield text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            part = _read(file, size, on_cut)


def _read(file: File, size: int, on_cut: Callable[[], None]) -> bytes:
    """Return the next bytes of a file; of one that ends too soon, those before its end."""
    found = bytearray()
    try:
        while len(found) < size and (part := file.read1(size - len(found))):
            found += part
    except EOFError:
        on_cut()
    return bytes(found)


def _decoder(path: Path, start: bytes) -> codecs.IncrementalDecoder | None:
    """Return the decoder of a UTF-16 file, None for UTF-8 and its like.

    Raises:
        UserError: for what is no text.
    """
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return codecs.getincrementaldecoder("utf-16")("replace")
    some = start[:4096]
    if b"\0" not in some:
        if len(some.translate(None, _TEXT)) > 0.02 * len(some):
            raise UserError(f"{path} is binary: no text that puckrl reads")
        return None
    for order, nulls in (("le", some[1::2]), ("be", some[::2])):
        if nulls.count(0) > 0.9 * len(nulls):
            return codecs.getincrementaldecoder(f"utf-16-{order}")("replace")
    raise UserError(f"{path} is binary: no text that puckrl reads")

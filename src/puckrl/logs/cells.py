"""Read one cell of a table as a number, as people and spreadsheets write them."""

import contextlib
import math
import re
from collections.abc import Iterable

GAPS = frozenset(("", "null", "none", "n/a", "na", "-", "--"))
"""Cells, in lower case, that hold nothing."""
_WORDS = {"true": 1.0, "false": 0.0}
_SIZES = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[,' \u00a0\u202f]\d{3})+(?:\.\d*)?")
_MARKS = re.compile(r"[,' \u00a0\u202f]")
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_DOTTED = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?")


def number(cell: str, comma: bool = False, dots: bool = False) -> float | None:
    """Return a cell as a number, NaN for a gap, None for what is no number.

    Args:
        cell: the text.
        comma: whether a comma separates decimals.
        dots: whether dots group thousands.

    >>> [number(c) for c in ("2,000", "2k", "1e5", "85 %", "True", "", "soon")]
    [2000.0, 2000.0, 100000.0, 0.85, 1.0, nan, None]
    >>> number("0,25", comma=True), number("1.500.000", dots=True)
    (0.25, 1500000.0)
    """
    if not dots:
        with contextlib.suppress(ValueError):
            return float(cell)
    text = cell.strip().strip("\"'").strip()
    if text.lower() in GAPS:
        return math.nan
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    scale = 1.0
    if text.endswith("%"):
        text, scale = text[:-1].rstrip(), 0.01
    elif text[-1].lower() in _SIZES:
        text, scale = text[:-1].rstrip(), _SIZES[text[-1].lower()]
    if dots and _DOTTED.fullmatch(text):
        text = text.replace(".", "")
    if comma and _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    elif _GROUPED.fullmatch(text):
        text = _MARKS.sub("", text)
    try:
        return round(float(text) * scale, 15) if scale < 1 else float(text) * scale
    except ValueError:
        return None


def is_gap(cell: str) -> bool:
    """Return whether a cell holds nothing, rather than a NaN that was logged."""
    return cell.strip().strip("\"'").lower() in GAPS


def decimal_comma(cells: Iterable[str]) -> bool:
    """Return whether commas in these cells separate decimals, not thousands.

    >>> decimal_comma(["2000", "0,004"]), decimal_comma(["2,000", "0.5"])
    (True, False)
    """
    found = [c for c in cells if _COMMA.fullmatch(c.strip())]
    return any(not _GROUPED.fullmatch(c.strip()) or c.strip()[0] == "0" for c in found)


def dots_group(cells: Iterable[str], comma: bool) -> bool | None:
    """Return whether the dots in a column's cells group thousands; None if they may.

    They do where each cell with a dot can be read so and none of its dots can be a decimal
    one: commas are, or a cell has two dots.

    >>> dots_group(["5.000", "12"], comma=True), dots_group(["5.000", "0.5"], comma=True)
    (True, False)
    >>> dots_group(["5.000"], comma=False), dots_group(["1.005.000"], comma=False)
    (None, True)
    """
    found = [c.strip() for c in cells if "." in c]
    if not found or not all(_DOTTED.fullmatch(c) for c in found):
        return False
    return True if comma or any(c.count(".") > 1 for c in found) else None

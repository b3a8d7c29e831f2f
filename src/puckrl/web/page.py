"""Assemble the page from its parts: one HTML text without any content from elsewhere.

The server sends it without data, and it asks for them; ``puck watch --out`` writes it with
them. Scripts and styles stand in it, and its policy allows exactly those, by their hashes.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from puckrl.core.version import VERSION
from puckrl.monitor.signals import SIGNALS

_SCRIPTS = (
    "words.js",
    "elements.js",
    "source.js",
    "state.js",
    "lines.js",
    "charts.js",
    "table.js",
    "numbers.js",
    "run.js",
    "page.js",
)
"""Parts of the script, in their order."""
_STYLES = ("uplot/uPlot.min.css", "page.css")


@cache
def _parts() -> tuple[str, str]:
    """Return style and script of the page."""
    script = "\n".join(
        ['"use strict";', _part("uplot/uPlot.iife.min.js"), *map(_part, _SCRIPTS)]
    )
    return "\n".join(map(_part, _STYLES)), script


def _part(name: str) -> str:
    """Return the text of a file beside this module."""
    folder = resources.files("puckrl.web") / "page"
    return folder.joinpath(name).read_text(encoding="utf-8").strip()


def policy(*, server: bool) -> str:
    """Return the content security policy: nothing from elsewhere, no script but ours.

    Args:
        server: whether the page comes from a server, which it may ask for data.
    """
    style, script = (_hash(text) for text in _parts())
    own = "'self' " if server else ""
    rules = [
        "default-src 'none'",
        f"script-src '{script}'",
        f"style-src '{style}'",
        f"img-src {own}data:",
        f"media-src {own}data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    if server:
        rules += ["connect-src 'self'", "frame-ancestors 'none'"]
    return "; ".join(rules)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def page(title: str, data: Mapping[str, Any] | None = None) -> str:
    """Return the page.

    Args:
        title: names what is watched.
        data: all that it shows; None: it asks its server.
    """
    style, script = _parts()
    about = {
        "version": VERSION,
        "title": title,
        "signals": {s.name: [s.unit, s.meaning, s.healthy] for s in SIGNALS},
        "data": data,
    }
    words = {
        "TITLE": html.escape(title),
        "POLICY": "" if data is None else _meta(policy(server=False)),
        "STYLE": style,
        "FALLBACK": _fallback(data),
        "DATA": json.dumps(about, separators=(",", ":")).replace("<", "\\u003c"),
        "SCRIPT": script,
    }
    text = _part("page.html")
    pieces = text.split("$$")
    return "".join(words.get(piece, piece) for piece in pieces) + "\n"


def _meta(rules: str) -> str:
    """Return a policy as it stands in a file, which no server sends headers for."""
    return f'<meta http-equiv="Content-Security-Policy" content="{html.escape(rules)}">'


def _fallback(data: Mapping[str, Any] | None) -> str:
    """Return what a browser shows that cannot run the script: words, and a file's table."""
    line = (
        "<p>This page needs JavaScript and a browser of 2021 or later. "
        "The same in a terminal: <code>puck runs</code>, <code>puck doctor</code>.</p>"
    )
    rows: Sequence[Mapping[str, Any]] = data["rows"] if data else ()
    if not rows:
        return line
    columns = ("name", "status", "phase", "success", "env_steps", "updates", "train_s")
    head = "".join(f"<th>{name}</th>" for name in columns)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(_cell(row.get(name)))}</td>" for name in columns)
        + "</tr>"
        for row in rows
    )
    return f"{line}<table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    """Return a value of the table in words."""
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)

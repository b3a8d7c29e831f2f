"""Recognize which library wrote a log, by the names in it."""

import tomllib
from collections.abc import Collection
from fnmatch import fnmatchcase
from importlib.resources import files

from puckrl.logs.producers import Producer


def _read() -> tuple[Producer, ...]:
    """Return what ``libraries.toml`` says of each library."""
    text = files("puckrl.logs").joinpath("libraries.toml").read_text(encoding="utf-8")
    return tuple(Producer(**library) for library in tomllib.loads(text)["library"])


PRODUCERS = _read()
"""All libraries, in the order in which they are tried."""
SB3 = next(p for p in PRODUCERS if p.name == "stable-baselines3")


def recognize(names: Collection[str]) -> Producer | None:
    """Return the library that logs such names, None if no name is one's own."""
    for producer in PRODUCERS:
        for mark in producer.marks:
            plain = "*" not in mark
            if plain and mark in names:
                return producer
            if plain and not any(n.endswith("/" + mark) for n in names):
                continue
            if plain or any(fnmatchcase(n, mark) for n in names):
                return producer
    return None

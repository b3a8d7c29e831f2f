"""Hold what one format says of a run, and join several of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from puckrl.logs.log import Kind
from puckrl.logs.producers import Producer
from puckrl.monitor.hygiene import Stream
from puckrl.monitor.table import Array
from puckrl.monitor.verdict import Finding


@dataclass(frozen=True)
class Source:
    """Hold what one format says of a run."""

    kind: Kind
    """The format."""
    columns: Mapping[str, Array]
    """Name -> (rows,) under our names, overwritten rows left out."""
    not_finite: Mapping[str, int]
    """How often a number was logged as NaN or infinite."""
    name: str = ""
    """Name of the run, where its file holds several."""
    streams: tuple[Stream, ...] = ()
    """The clocks of its files, for the contamination check."""
    problems: tuple[Finding, ...] = ()
    """What only this format can tell of its files."""
    unmapped: tuple[str, ...] = ()
    """Signals that have no name of ours."""
    names: frozenset[str] = frozenset()
    """All names in its files."""
    notes: tuple[str, ...] = ()
    """What could not be read, and what was guessed."""
    producer: Producer | None = None
    """The library that wrote it."""
    resumed_at: tuple[float, ...] = ()
    """Env steps at which another process went on."""


def joined(parts: Sequence[Source]) -> dict[str, Array]:
    """Return one row per step of several sources; of two values the later one counts.

    Monitor files repeat what the others have averaged: they add only signals that no
    other source has.
    """
    others = {n for part in parts if part.kind != "sb3 monitor" for n in part.columns}
    used = [
        {
            n: values
            for n, values in part.columns.items()
            if part.kind != "sb3 monitor" or n not in others or n == "env_steps"
        }
        for part in parts
    ]
    if not used:
        return {"env_steps": np.empty(0)}
    clock = np.concatenate([columns["env_steps"] for columns in used])
    steps = np.unique(clock)
    whole = {"env_steps": steps}
    for columns in used:
        mine = columns["env_steps"]
        same = len(mine) == len(steps) and bool((mine == steps).all())
        at = slice(None) if same else np.searchsorted(steps, mine)
        for name, values in columns.items():
            if name == "env_steps":
                continue
            have = ~np.isnan(values)
            if same and name not in whole:
                whole[name] = values
                continue
            target = whole.get(name)
            target = np.full(len(steps), np.nan) if target is None else target.copy()
            target[np.arange(len(steps))[at][have]] = values[have]
            whole[name] = target
    return whole

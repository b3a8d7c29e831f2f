"""Define what is known of a library that writes logs: how to recognize it, names, clocks.

The libraries are data, in ``libraries.toml``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

Unit = Literal[
    "env steps",
    "vector steps",
    "iterations",
    "epochs",
    "episodes",
    "updates",
    "log calls",
]
"""What a clock may count."""

HOW_MANY: Mapping[Unit, str] = {
    "vector steps": "N is the number of worlds",
    "iterations": "N is worlds x steps per iteration",
    "epochs": "N is the env steps of an epoch",
    "episodes": "N is the steps of an episode",
    "updates": "N is the env steps per update",
    "log calls": "N is the env steps between two log calls",
}
"""How many env steps one of them is, in words."""


@dataclass(frozen=True)
class Producer:
    """Hold what is known of one library's logs."""

    name: str
    """Name of the library, for messages."""
    marks: Sequence[str]
    """Names that only this library logs; one of them is enough."""
    names: Mapping[str, str]
    """Its names, perhaps with ``*``, -> ours; "%" for percent. The first wins."""
    step: Unit = "env steps"
    """What the step of its event files, or W&B's ``_step``, counts."""
    update_ratio: float | None = None
    """Updates per env step and world that it makes by default; None: unknown."""
    window: int | None = None
    """Maximum number of episodes that its training averages are over; None: unknown."""
    other_clocks: Sequence[str] = ()
    """Names, with ``*``, that it logs over a clock other than ``step``."""
    units: Mapping[str, Unit] = field(default_factory=dict[str, Unit])
    """Clocks among its names that do not count env steps."""

    def says(self, name: str) -> tuple[int, str] | None:
        """Return our name of a signal and its place in ``names``, None if it has none."""
        for place, (theirs, ours) in enumerate(self.names.items()):
            if name == theirs or ("*" in theirs and fnmatchcase(name, theirs)):
                return place, ours
        return None

    def elsewhere(self, name: str) -> bool:
        """Return whether a signal has a clock of its own."""
        return any(fnmatchcase(name, pattern) for pattern in self.other_clocks)

"""Hold what the user should know about a configuration, in words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from puckrl.config.run_cfg import RunCfg
from puckrl.core.spaces import Spaces

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Notice:
    """One thing that the user should know about a configuration."""

    level: Level
    """error: the run would be wasted; warning: look again; note: what it means."""
    text: str
    """What is wrong or worth knowing, and what to do."""

    def rank(self) -> int:
        """Return 0 for an error, more for a lighter level."""
        return get_args(Level).index(self.level)


Rule = Callable[[RunCfg, Spaces], Iterator[Notice]]

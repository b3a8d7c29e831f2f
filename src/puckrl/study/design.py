"""Define what a study compares: arms, seeds, the measure, the rule that stops it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from puckrl.config.facts import flat_settings
from puckrl.config.run_cfg import RunCfg
from puckrl.statistics.measure import Measure

Stopping = Literal["fixed", "sequential"]

BASE = "base"
"""Name of the arm that the others are compared with."""


@dataclass(frozen=True)
class Arm:
    """One side of the comparison."""

    name: str
    """As the report calls it."""
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What it declares to change: settings by their full dotted names."""
    cfg: RunCfg | None = None
    """Its configuration, but for the seed; None if its runs exist already."""
    folders: tuple[Path, ...] = ()
    """Runs or logs that exist already, of this project or of another."""
    levels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of a factorial: the level of every factor, in words."""


@dataclass(frozen=True)
class Study:
    """A study file, with every arm's configuration."""

    name: str
    """Of the file."""
    base: Arm
    """What every other arm is compared with."""
    arms: tuple[Arm, ...]
    """The others."""
    seeds: tuple[int, ...]
    """Of every arm: equal seeds are pairs."""
    measure: Measure
    """The number that is compared."""
    stopping: Stopping
    """Whether all seeds run, or as few as the answer needs."""
    budget: Mapping[str, float]
    """Limits of every run, as the file says; empty: the preset's own."""
    couple: tuple[frozenset[str], ...]
    """Settings that move together and count as one variable."""
    factors: tuple[str, ...]
    """Of the factorial; empty if there is none."""
    text: Mapping[str, Any]
    """The file's own words."""

    @property
    def every_arm(self) -> tuple[Arm, ...]:
        """Return the base and the others."""
        return (self.base, *self.arms)

    @property
    def digest(self) -> str:
        """Return eight hex digits of everything that the study's answer depends on."""
        known = {
            "arms": {arm.name: _words(arm) for arm in self.every_arm},
            "seeds": self.seeds,
            "measure": str(self.measure),
            "stopping": self.stopping,
        }
        text = json.dumps(known, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def _words(arm: Arm) -> dict[str, Any]:
    """Return an arm as plain values: every setting, or its folders."""
    if arm.cfg is None:
        return {"runs": [str(path) for path in arm.folders]}
    return flat_settings(arm.cfg)

"""Define what a page knows of a run: one value that is JSON-able, live and in a file.

``RunRow`` is a run's line in the table, and is sent whenever it changes. ``RunStory`` is all
that is told when somebody looks at the run. Curves are ``Curves``, sampled for a screen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from puckrl.monitor.table import Array
from puckrl.monitor.verdict import NOTES, Finding, Verdict
from puckrl.web.sample import kept, knots, short

CLOCKS = ("env_steps", "updates", "train_s", "wall_s")
"""The clocks that the page can draw over."""
MEASURES = ("eval/success", "train/success", "eval/return", "train/return")
"""Numbers that tell how good a policy is, the best first."""
_SPARK = 40  # bins of the small curve in a table


@dataclass(frozen=True)
class RunRow:
    """Say where a run stands, in one line of the table; None: not known, or not yet."""

    id: str
    """Stands for the run in addresses; says nothing of where it is."""
    name: str
    """Name of its folder, or of the run in a log of several."""
    path: str
    """Its folder or file, for people."""
    kind: str
    """puckrl, or the library that wrote the log."""
    status: str
    """running, done, stopped, failed, damaged; gone: the folder has vanished; a log of
    another library: log."""
    group: str
    """Runs that differ in nothing but their seed have the same."""
    ended_by: str | None = None
    """Stop rule, signal or reason."""
    preset: str | None = None
    """Preset that it started from."""
    seed: int | None = None
    """Its seed."""
    phase: str | None = None
    """Phase that the doctor saw."""
    color: str | None = None
    """Color of the verdict: green, yellow, red."""
    words: str | None = None
    """Names of the findings that count."""
    measure: str | None = None
    """Number that tells how good its policy is: a success rate, else a return."""
    success: float | None = None
    """Success rate of the final evaluation, else of the last one."""
    env_steps: float | None = None
    """Env steps so far."""
    updates: float | None = None
    """Critic updates so far."""
    train_s: float | None = None
    """Seconds of collecting and updating so far."""
    wall_s: float | None = None
    """Seconds so far, with evaluation and compilation."""
    left_s: float | None = None
    """Seconds of training until the budget is spent at the present speed, at most."""
    ram_gb: float | None = None
    """Main memory: of the process while it runs, else the most that it took."""
    gpu_gb: float | None = None
    """The most GPU memory that it took; known when it has ended."""
    began: float | None = None
    """When it began or was last resumed, seconds since the epoch."""
    spark: Mapping[str, Sequence[float | None]] = field(
        default_factory=dict[str, Sequence[float | None]]
    )
    """The measure over env steps in a few points: ``x`` and ``y``."""
    evaluations: int | None = None
    """Evaluations so far; None: not counted apart from the other rows."""
    rows: int = 0
    """Bytes or rows of the log: what the page compares to tell that there is news."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class RunStory:
    """Tell all that is known of a run but its curves."""

    id: str
    """As in its row."""
    verdict: Mapping[str, Any] | None
    """The doctor's verdict, as ``told`` returns it; None if there is nothing to judge."""
    settings: Mapping[str, Any]
    """Settings that decide what is learned, by dotted name."""
    others: Mapping[str, Any]
    """Other settings: seed, device, evaluation, budget, files."""
    made: Mapping[str, str]
    """How it was made: versions, machine, revision, command."""
    card: str | None
    """Its card.md."""
    files: Sequence[Mapping[str, str]]
    """Films and pictures: ``name``, ``kind`` (film, picture) and ``url``."""
    signals: Mapping[str, float | None]
    """Numbers that can be drawn, with the newest value of each."""
    notes: Sequence[str] = ()
    """What could not be read, and what was guessed."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Curves:
    """Hold some curves of a run over env steps, and its clocks; lists for JSON."""

    clocks: Mapping[str, Sequence[float | None]]
    """Each clock at the same moments: translate env steps to the others between them."""
    curves: Mapping[str, Mapping[str, Sequence[float | None]]]
    """Name of a number -> ``x``, env steps, and ``y``."""

    def only(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the clocks and some of the curves as plain values."""
        found = {name: self.curves[name] for name in names if name in self.curves}
        return {"clocks": dict(self.clocks), "curves": found}


def curves_of(columns: Mapping[str, Array], names: Sequence[str]) -> Curves:
    """Sample curves of a run.

    Args:
        columns: by our names; env_steps never falls. NaN where a row lacks a number.
        names: which to draw; those that no row carries are left out.
    """
    steps = columns["env_steps"]
    known = np.isfinite(steps)
    at = np.flatnonzero(known)
    # The last row of a moment has its largest seconds: an evaluation's.
    last = at[np.diff(steps[at], append=np.inf) > 0] if len(at) else at
    chosen = last[knots(len(last))]
    clocks = {
        clock: short(columns[clock][chosen])
        for clock in CLOCKS
        if clock in columns and np.isfinite(columns[clock]).any()
    }
    drawn: dict[str, Mapping[str, Sequence[float | None]]] = {}
    for name in names:
        if name in columns and name != "env_steps":
            have = np.flatnonzero(known & np.isfinite(columns[name]))
            if len(have):
                have = have[kept(columns[name][have])]
                drawn[name] = {
                    "x": short(steps[have]),
                    "y": short(columns[name][have]),
                }
    return Curves(clocks, drawn)


def spark(steps: Array, values: Array) -> dict[str, list[float | None]]:
    """Return a curve in a few points, for the table."""
    have = np.isfinite(steps) & np.isfinite(values)
    x, y = steps[have], values[have]
    if not len(x):
        return {}
    at = kept(y, _SPARK)
    return {"x": short(x[at]), "y": short(y[at])}


def words_of(findings: Sequence[Mapping[str, Any]]) -> str:
    """Return the names of the findings that count: the red ones, else the first."""
    named = [f["name"] for f in findings if f.get("color") == "red"]
    named = named or [f["name"] for f in findings if f["name"] not in NOTES][:1]
    return ", ".join(named)


def newest(columns: Mapping[str, Array]) -> dict[str, float | None]:
    """Return the last finite value of each number that can be drawn."""
    found: dict[str, float | None] = {}
    for name, values in columns.items():
        if name not in CLOCKS:
            have = np.flatnonzero(np.isfinite(values))
            found[name] = float(values[have[-1]]) if len(have) else None
    return found


def told(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain values, its numbers in words."""
    return {
        "phase": verdict.phase,
        "color": verdict.color,
        "headline": verdict.headline,
        "words": words_of([_finding(f) for f in verdict.findings]),
        "because": [str(number) for number in verdict.numbers],
        "changes_if": verdict.changes_if,
        "advice": verdict.advice,
        "findings": [_finding(f) for f in verdict.findings],
        "spans": [
            {
                "phase": span.phase,
                "env_steps": list(span.env_steps),
                "updates": [None if math.isnan(u) else u for u in span.updates],
            }
            for span in verdict.spans
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain values, its numbers in words."""
    return {
        "name": finding.name,
        "color": finding.color,
        "reason": finding.reason,
        "advice": finding.advice,
        "numbers": [str(number) for number in finding.numbers],
    }


def number(value: Any) -> float | None:
    """Return a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None

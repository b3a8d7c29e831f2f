"""Define what the doctor says: phases, findings, and a verdict with its reasons."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Phase = Literal[
    "warm-up", "flat", "take-off", "converging", "converged", "collapsed", "unknown"
]
PHASES: tuple[Phase, ...] = (
    "warm-up",
    "flat",
    "take-off",
    "converging",
    "converged",
    "collapsed",
    "unknown",
)
"""In the order of a successful run; TensorBoard shows the position."""

Color = Literal["green", "yellow", "red"]

FindingName = Literal[
    "healthy flat",
    "memorizing failure",
    "dead flat",
    "broken task",
    "entropy collapse",
    "divergence",
    "saturated actor",
    "forgetting",
    "stalled",
    "unsteady",
    "eval-train mismatch",
    "wasting time",
    "contaminated log",
    "resumed log",
    "unreadable log",
    "unread success",
    "several runs",
    "unknown clock",
    "no update clock",
    "not finite",
    "unknown success",
    "high from the start",
]

NOTES: tuple[FindingName, ...] = ("resumed log", "not finite", "high from the start")
"""Findings that ask for nothing: they decide neither color nor advice."""


@dataclass(frozen=True)
class Number:
    """Hold a number that decided."""

    name: str
    """The signal, or what was computed from it."""
    value: float
    """Its value."""
    note: str = ""
    """What it was compared with."""

    def __str__(self) -> str:
        """Return name, value and note."""
        return f"{self.name} {self.value:.3g}" + (
            f" ({self.note})" if self.note else ""
        )


@dataclass(frozen=True)
class Finding:
    """Hold one thing that is wrong, or well."""

    name: FindingName
    """What was found."""
    color: Color
    """Red: the run is sick."""
    reason: str
    """Why, in one sentence."""
    advice: str
    """What to do, in one sentence."""
    numbers: tuple[Number, ...] = ()
    """The numbers that decided."""


@dataclass(frozen=True)
class Span:
    """Hold a phase from one moment to another, on both clocks."""

    phase: Phase
    """Which."""
    env_steps: tuple[float, float]
    """From, to."""
    updates: tuple[float, float]
    """From, to; NaN where updates are not known."""


@dataclass(frozen=True)
class Verdict:
    """Say where a run stands, why, and what to do."""

    phase: Phase
    """The present phase."""
    color: Color
    """Green: go on; yellow: look; red: sick."""
    confidence: float
    """Confidence in the phase, in [0, 1]."""
    numbers: tuple[Number, ...]
    """The few that decided."""
    changes_if: str
    """What would change the verdict."""
    advice: str
    """What to do, in one sentence."""
    findings: tuple[Finding, ...]
    """Worst first."""
    spans: tuple[Span, ...]
    """The run's phases, oldest first."""

    @property
    def sick(self) -> bool:
        """Return whether something is wrong."""
        return self.color == "red"

    @property
    def success(self) -> float | None:
        """Return the success of evaluations, else of training; None: neither was logged."""
        found = {number.name: number.value for number in self.numbers}
        return found.get("success", found.get("training success"))

    def finding(self, name: FindingName) -> Finding | None:
        """Return a finding by name, None if it was not made."""
        return next((f for f in self.findings if f.name == name), None)

    @property
    def label(self) -> str:
        """Return phase and findings in a few words."""
        return self.phase + self._named

    @property
    def headline(self) -> str:
        """Return the label, with the confidence in the phase where there is one."""
        if self.phase == "unknown":
            return self.label
        return f"{self.phase} ({self.confidence:.0%} sure){self._named}"

    @property
    def _named(self) -> str:
        """Return the findings that count, after a colon; without any, nothing."""
        named = [f.name for f in self.findings if f.color == "red"]
        named = named or [f.name for f in self.findings if f.name not in NOTES][:1]
        return f": {', '.join(named)}" if named else ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; NaN as None."""
        return _plain(asdict(self))


def _plain(value: Any) -> Any:
    """Replace NaN by None and tuples by lists, at every depth."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return None if isinstance(value, float) and value != value else value

"""What the doctor says: phases, findings, and a verdict with its reasons."""

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
"""In the order of a life; the position is what TensorBoard shows."""

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
    "eval-train mismatch",
    "wasting time",
    "contaminated log",
    "resumed log",
    "unreadable log",
]


@dataclass(frozen=True)
class Number:
    """A number that decided."""

    name: str
    """The signal, or what was made of it."""
    value: float
    """Its value."""
    note: str = ""
    """What it was held against."""

    def __str__(self) -> str:
        """Name, value, note."""
        return f"{self.name} {self.value:.3g}" + (
            f" ({self.note})" if self.note else ""
        )


@dataclass(frozen=True)
class Finding:
    """One thing that is the matter, or is well."""

    name: FindingName
    """What."""
    color: Color
    """Red: the run is sick."""
    reason: str
    """Why, in one sentence."""
    advice: str
    """What to do, in one sentence."""
    numbers: tuple[Number, ...] = ()
    """What decided."""


@dataclass(frozen=True)
class Span:
    """A phase from one moment to another, on both clocks."""

    phase: Phase
    """Which."""
    env_steps: tuple[float, float]
    """From, to."""
    updates: tuple[float, float]
    """From, to; NaN where updates are not known."""


@dataclass(frozen=True)
class Verdict:
    """Where a run stands, why, and what to do."""

    phase: Phase
    """The present phase."""
    color: Color
    """Green: go on; yellow: look; red: sick."""
    confidence: float
    """That the phase is right, in [0, 1]."""
    numbers: tuple[Number, ...]
    """The few that decided."""
    mind: str
    """What would change the verdict."""
    advice: str
    """What to do, in one sentence."""
    findings: tuple[Finding, ...]
    """Worst first."""
    spans: tuple[Span, ...]
    """The run's life, oldest first."""

    @property
    def sick(self) -> bool:
        """Whether something is the matter."""
        return self.color == "red"

    @property
    def success(self) -> float | None:
        """Of evaluations, without any of noisy training; None: neither was logged."""
        found = {number.name: number.value for number in self.numbers}
        return found.get("success", found.get("training success"))

    def finding(self, name: FindingName) -> Finding | None:
        """A finding by name, None if it was not made."""
        return next((f for f in self.findings if f.name == name), None)

    @property
    def label(self) -> str:
        """Phase and findings in a few words."""
        named = [f.name for f in self.findings if f.color == "red"]
        named = named or [f.name for f in self.findings if f.name != "resumed log"][:1]
        return f"{self.phase}: {', '.join(named)}" if named else self.phase

    @property
    def headline(self) -> str:
        """The label, and how sure it is."""
        return f"{self.label} ({self.confidence:.0%} sure)"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN as None."""
        return _plain(asdict(self))


def _plain(value: Any) -> Any:
    """NaN as None, tuples as lists, all the way down."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return None if isinstance(value, float) and value != value else value

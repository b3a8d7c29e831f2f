"""Write a run's log: JSON lines always, TensorBoard if asked for.

``metrics.jsonl`` holds two kinds of rows, in the order in which they were made:

    {"env_steps": 5000, "updates": 1250, "train/critic_loss": 0.1, ...}     LogRow: numbers
    {"env_steps": 5000, "updates": 1250, "doctor/phase": "flat", ...}       VerdictRow: words

``report/rows.py`` reads them back: ``read_rows`` the numbers, ``read_verdicts`` the
history of the doctor's verdict.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypedDict

from puckrl.monitor.signals import METRICS
from puckrl.monitor.verdict import PHASES, Verdict

_OWN = ("own/", "env/")  # of a user's agent or objective, of a foreign library
LogRow = dict[str, float]
"""Numbers by name; ``env_steps`` is always among them."""


def is_evaluation(row: LogRow) -> bool:
    """Return whether a row is that of an evaluation; not every one knows success."""
    return "eval/success" in row or "eval/return" in row


class LoggedFinding(TypedDict):
    """Hold one finding of a logged verdict."""

    name: str
    """What was found."""
    color: str
    """Green, yellow or red."""
    reason: str
    """Why, in one sentence."""


VerdictRow = TypedDict(
    "VerdictRow",
    {
        "env_steps": float,
        "updates": float | None,
        "doctor/phase": str,
        "doctor/color": str,
        "doctor/confidence": float,
        "doctor/advice": str,
        "doctor/findings": list[LoggedFinding],
    },
)
"""The doctor's verdict on the evaluation of the same ``env_steps``; docs/metrics.md.

Words are plain text: a reader of an old log may meet phases that exist no more.
"""


def verdict_row(verdict: Verdict, evaluation: LogRow) -> VerdictRow:
    """Return a verdict as a row of the log.

    Args:
        verdict: what the doctor says.
        evaluation: the row that it judged last; gives the clocks.
    """
    return {
        "env_steps": evaluation["env_steps"],
        "updates": evaluation.get("updates"),
        "doctor/phase": verdict.phase,
        "doctor/color": verdict.color,
        "doctor/confidence": verdict.confidence,
        "doctor/advice": verdict.advice,
        "doctor/findings": [
            {"name": f.name, "color": f.color, "reason": f.reason}
            for f in verdict.findings
        ],
    }


class Sink(Protocol):
    """Take the rows of a log."""

    def write(self, row: LogRow) -> None:
        """Take one row."""
        ...

    def close(self) -> None:
        """Release what is open; no row follows."""
        ...


class NullSink:
    """Drop every row: for the processes of a team that log nothing."""

    def write(self, row: LogRow) -> None:
        """Drop the row."""

    def close(self) -> None:
        """Do nothing: nothing is open."""


class JsonLines:
    """Write one JSON object a line; NaN and inf become null, since JSON has neither.

    Args:
        path: the file; appended to.
        keep_until: drop the rows of an interrupted run beyond this many env steps: the
            resumed run writes them again.
    """

    def __init__(self, path: Path, keep_until: int | None = None) -> None:
        if keep_until is not None and path.exists():
            _drop_beyond(path, keep_until)
        self._file = path.open("a")

    def write(self, row: LogRow) -> None:
        """Append the row, at once visible to readers."""
        unknown = sorted(n for n in set(row) - set(METRICS) if not n.startswith(_OWN))
        assert not unknown, f"not in monitor/signals.py: {unknown}"
        self._append({key: _short(value) for key, value in row.items()})

    def tell(self, verdict: Verdict, evaluation: LogRow) -> None:
        """Append the verdict as a row of its own."""
        row = verdict_row(verdict, evaluation)
        self._append({**row, "doctor/confidence": _short(verdict.confidence)})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, row: Mapping[str, Any]) -> None:
        """Write one line and flush it."""
        self._file.write(json.dumps(row, allow_nan=False) + "\n")
        self._file.flush()


class TensorBoard:
    """Write scalars over env steps.

    Args:
        folder: for the event files.
        purge_from: hide the events of an interrupted run from this many env steps on.
    """

    def __init__(self, folder: Path, purge_from: int | None = None) -> None:
        # Its import takes a second: only runs that use it pay.
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer: SummaryWriter = SummaryWriter(str(folder), purge_step=purge_from)
        self._told = ""

    def write(self, row: LogRow) -> None:
        """Write every number of the row except env steps, which are the x axis."""
        for name, value in row.items():
            if name != "env_steps":
                self._writer.add_scalar(name, value, int(row["env_steps"]))

    def tell(self, verdict: Verdict, evaluation: LogRow) -> None:
        """Write the phase as a number, and in words when the words change."""
        at = int(evaluation["env_steps"])
        self._writer.add_scalar("doctor/phase", PHASES.index(verdict.phase), at)
        self._writer.add_scalar("doctor/confidence", verdict.confidence, at)
        words = f"**{verdict.phase}** · {verdict.advice}"
        if words != self._told:
            self._writer.add_text("doctor", words, at)
            self._told = words

    def close(self) -> None:
        """Flush and close."""
        self._writer.close()


class MultiSink:
    """Pass rows on to several sinks, in their order."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self.sinks = tuple(sinks)

    def write(self, row: LogRow) -> None:
        """Write to all."""
        for sink in self.sinks:
            sink.write(row)

    def close(self) -> None:
        """Close all."""
        for sink in self.sinks:
            sink.close()


def _short(value: float) -> float | int | None:
    """Return six significant digits, enough for a curve; None for NaN and inf.

    Integers keep all their digits.
    """
    if not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _drop_beyond(path: Path, env_steps: int) -> None:
    """Keep the rows up to ``env_steps``; drop a half-written last line too."""
    kept: list[str] = []
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            break
        if row["env_steps"] <= env_steps:
            kept.append(line + "\n")
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(kept))
    temporary.replace(path)

"""Where a run's numbers go: JSON lines always, TensorBoard if wanted."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from puckrl.monitor.signals import METRICS
from puckrl.monitor.verdict import PHASES, Verdict

LogRow = dict[str, float]
"""Numbers by name; ``env_steps`` is always among them."""


class Sink(Protocol):
    """Something that takes rows."""

    def write(self, row: LogRow) -> None:
        """Take one row."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


class JsonLines:
    """One JSON object a line; NaN and inf are null, since JSON has neither.

    Args:
        path: the file; appended to.
        keep_until: rows of an interrupted run beyond this many env steps are
            dropped: the resumed run writes them again.
    """

    def __init__(self, path: Path, keep_until: int | None = None) -> None:
        if keep_until is not None and path.exists():
            _drop_beyond(path, keep_until)
        self._file = path.open("a")

    def write(self, row: LogRow) -> None:
        """Append the row, at once visible to readers."""
        strange = sorted(set(row) - set(METRICS))
        assert not strange, f"not in monitor/signals.py: {strange}"
        plain = {key: _short(value) for key, value in row.items()}
        self._file.write(json.dumps(plain, allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TensorBoard:
    """Scalars over env steps.

    Args:
        folder: for the event files.
        purge_from: events of an interrupted run from this many env steps on are hidden.
    """

    def __init__(self, folder: Path, purge_from: int | None = None) -> None:
        # Its import takes a second: a run without it need not pay.
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer: SummaryWriter = SummaryWriter(str(folder), purge_step=purge_from)
        self._told = ""

    def write(self, row: LogRow) -> None:
        """Every number of the row but the clock itself."""
        for name, value in row.items():
            if name != "env_steps":
                self._writer.add_scalar(name, value, int(row["env_steps"]))

    def tell(self, verdict: Verdict, env_steps: int) -> None:
        """The phase as a number, and in words when they change."""
        self._writer.add_scalar("doctor/phase", PHASES.index(verdict.phase), env_steps)
        self._writer.add_scalar("doctor/confidence", verdict.confidence, env_steps)
        words = f"**{verdict.phase}** · {verdict.advice}"
        if words != self._told:
            self._writer.add_text("doctor", words, env_steps)
            self._told = words

    def close(self) -> None:
        """Flush and close."""
        self._writer.close()


class MultiSink:
    """Hands rows on to several sinks."""

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
    """Six significant digits: what a curve needs; None for NaN and inf."""
    if not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _drop_beyond(path: Path, env_steps: int) -> None:
    """Keep the rows up to ``env_steps``; a half-written last line goes too."""
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

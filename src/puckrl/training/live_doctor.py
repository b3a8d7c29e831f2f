"""Judge a run while it trains: a sink that consults the doctor after each evaluation."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.stopping import Reason, StopMode, stop_rule
from puckrl.monitor.table import from_rows
from puckrl.monitor.verdict import Verdict
from puckrl.training.sinks import LogRow, is_evaluation


class Listener(Protocol):
    """Show or store verdicts."""

    def tell(self, verdict: Verdict, evaluation: LogRow) -> None:
        """Take the verdict that follows an evaluation.

        Args:
            verdict: what the doctor says.
            evaluation: the evaluation's row, with the run's clocks.
        """
        ...


class LiveDoctor:
    """Keep the rows, judge them after each evaluation and tell the listeners.

    Place it after the sinks that write files: a verdict then follows the row that it
    judges.

    Args:
        facts: what is known of the run.
        mode: which of the doctor's stop rules may end it.
        listeners: get each verdict.
        rows: numbers that the run logged before it was resumed.
    """

    def __init__(
        self,
        facts: RunFacts,
        mode: StopMode,
        listeners: Sequence[Listener],
        rows: Iterable[LogRow] = (),
    ) -> None:
        self._facts, self._listeners = facts, tuple(listeners)
        self._mode: StopMode = mode
        self._rows = list(rows)
        self.verdict: Verdict | None = None
        """The newest; None before the first evaluation."""

    def write(self, row: LogRow) -> None:
        """Keep the row; judge if it is an evaluation."""
        self._rows.append(row)
        if not is_evaluation(row):
            return
        self.verdict = diagnose(from_rows(self._rows), self._facts)
        for listener in self._listeners:
            listener.tell(self.verdict, row)

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def stop(self) -> Reason | None:
        """Return the name of the rule that ends the run now, None to go on."""
        if self.verdict is None:
            return None
        rule = stop_rule(self.verdict, self._facts, self._mode)
        return None if rule is None else rule.name

"""The doctor at work during a run: a sink that judges after each evaluation."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.stopping import Reason, StopMode, stop_rule
from puckrl.monitor.table import from_rows
from puckrl.monitor.verdict import Verdict
from puckrl.training.sinks import LogRow


class Listener(Protocol):
    """Something that shows a verdict."""

    def tell(self, verdict: Verdict, env_steps: int) -> None:
        """Show it."""
        ...


class LiveDoctor:
    """Keeps the rows, judges them when an evaluation comes in, tells whoever listens.

    Args:
        facts: what is known of the run.
        mode: which of the doctor's stop rules may end it.
        listeners: told each verdict.
        rows: of the run before it was resumed.
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
        """The newest."""

    def write(self, row: LogRow) -> None:
        """Keep the row; judge if it is an evaluation."""
        self._rows.append(row)
        if "eval/success" not in row:
            return
        self.verdict = diagnose(from_rows(self._rows), self._facts)
        for listener in self._listeners:
            listener.tell(self.verdict, int(row["env_steps"]))

    def close(self) -> None:
        """Nothing is open."""

    def stop(self) -> Reason | None:
        """The name of the rule that ends the run now, None to go on."""
        if self.verdict is None:
            return None
        rule = stop_rule(self.verdict, self._facts, self._mode)
        return None if rule is None else rule.name

"""Let a program of the user's watch a run while it trains, and end it.

    class Stop(puckrl.Callback):
        def on_evaluation(self, run: puckrl.TrainingView) -> None:
            if run.metrics["eval/success"] > 0.9:
                run.stop("good enough")

A callback that raises ends the run after the present iteration: its traceback is in the
run's folder, a snapshot is kept, and no callback is called again.
"""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from puckrl.agents.trained import Policy
from puckrl.core.clock import Clock
from puckrl.core.errors import RunFailed, said
from puckrl.training.sinks import LogRow, is_evaluation

TRACEBACK = "callback_error.txt"
"""Name of the file in a run's folder."""
Moment = Literal["on_step", "on_update", "on_evaluation", "on_end"]


@dataclass(frozen=True)
class TrainingView:
    """Show a run to a callback; nothing that it holds changes the run."""

    env_steps: int
    """Control steps so far, summed over worlds."""
    updates: int
    """Gradient steps of the critic so far."""
    elapsed_s: float
    """Seconds since training began, evaluations and pauses of callbacks included."""
    metrics: Mapping[str, float]
    """Newest logged row, by the names in docs/metrics.md; in ``on_step`` that of the
    iteration before."""
    path: Path
    """Folder of the run."""
    _policy: Callable[[], Policy] = field(repr=False)
    _stop: Callable[[str], None] = field(repr=False)

    def policy(self) -> Policy:
        """Return a copy of the judged policy as it is now; later updates leave it alone."""
        return self._policy()

    def stop(self, reason: str) -> None:
        """End the run after the present iteration, as if its budget were spent.

        Args:
            reason: for the manifest and the card.
        """
        self._stop(reason)


class Callback:
    """Watch a run; override what is of use. Only the first process of a team calls it."""

    def on_step(self, run: TrainingView) -> None:
        """Follow a control step of every world."""

    def on_update(self, run: TrainingView) -> None:
        """Follow the updates of an iteration; ``metrics`` are their means."""

    def on_evaluation(self, run: TrainingView) -> None:
        """Follow an evaluation; ``metrics`` holds ``eval/success`` and the others."""

    def on_end(self, run: TrainingView) -> None:
        """Follow the last evaluation, whatever ended the run but a failure."""


class Hooks:
    """Call callbacks; a sink, since most moments follow a logged row.

    Args:
        callbacks: in the order of their calls.
        clock: the run's.
        path: folder of the run.
        policy: returns a copy of the judged policy.
    """

    def __init__(
        self,
        callbacks: Sequence[Callback],
        clock: Clock,
        path: Path,
        policy: Callable[[], Policy],
    ) -> None:
        self._callbacks, self._clock = tuple(callbacks), clock
        self._path, self._policy = path, policy
        self._row: LogRow = {}
        self._updates = clock.updates
        self._began_s = time.perf_counter() - clock.wall_s
        self._failure: str | None = None
        self.reason: str | None = None
        """Return why a callback has asked to stop, None if none has."""

    @property
    def watches_steps(self) -> bool:
        """Whether a callback overrides ``on_step``."""
        return any(type(one).on_step is not Callback.on_step for one in self._callbacks)

    def step(self, env_steps: int) -> None:
        """Follow a control step; ``env_steps`` were made in this iteration so far."""
        self._call("on_step", self._clock.env_steps + env_steps, self._clock.updates)

    def write(self, row: LogRow) -> None:
        """Follow a logged row: of updates, or of an evaluation."""
        self._row = row
        now = self._clock.env_steps, self._clock.updates
        if is_evaluation(row):
            self._call("on_evaluation", *now)
        elif self._clock.updates > self._updates:
            self._updates = self._clock.updates
            self._call("on_update", *now)

    def end(self, row: LogRow) -> None:
        """Follow the last evaluation."""
        self._row = row
        self._call("on_end", self._clock.env_steps, self._clock.updates)
        self.raise_failure()

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def stop(self) -> Literal["callback"] | None:
        """Return whether the run ends, because a callback has asked for it or has failed."""
        asked = self.reason is not None or self._failure is not None
        return "callback" if asked else None

    def raise_failure(self) -> None:
        """Raise what a callback has raised, in one line.

        Raises:
            RunFailed: if one has.
        """
        if self._failure is not None:
            raise RunFailed(self._failure)

    def _call(self, moment: Moment, env_steps: int, updates: int) -> None:
        if not self._callbacks or self._failure is not None:
            return
        view = TrainingView(
            env_steps=env_steps,
            updates=updates,
            elapsed_s=time.perf_counter() - self._began_s,
            metrics=MappingProxyType(dict(self._row)),
            path=self._path,
            _policy=self._policy,
            _stop=self._ask,
        )
        for one in self._callbacks:
            try:
                getattr(one, moment)(view)
            except Exception as error:  # noqa: BLE001  a user's callback may raise anything
                self._fail(one, moment, error)
                return

    def _ask(self, reason: str) -> None:
        self.reason = self.reason or str(reason) or "a callback"

    def _fail(self, one: Callback, moment: Moment, error: Exception) -> None:
        """Keep the traceback and the line about it."""
        file = self._path / TRACEBACK
        file.write_text("".join(traceback.format_exception(error)))
        self._failure = (
            f"callback {type(one).__name__}.{moment} raised {type(error).__name__}: "
            f"{said(error)} (traceback: {file})"
        )

"""Show a study while it runs: one screen on a terminal, plain lines elsewhere."""

import math
import time
from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from puckrl.study.jobs import FINISHED, Job, State
from puckrl.study.ledger import Ledger
from puckrl.study.watch import Follower, Seen, seconds_left
from puckrl.training.console import duration

Known = Callable[[], str]
"""Return what the study knows so far, in words; empty if that is nothing."""

_LOOK_EVERY_S = 1.0
_COLORS: dict[State, str] = {
    "queued": "dim",
    "running": "cyan",
    "done": "green",
    "failed": "red",
    "diverged": "red",
    "interrupted": "yellow",
}
_FIRST: tuple[State, ...] = (
    *("running", "failed", "diverged", "interrupted"),
    *("done", "queued"),
)
_LINES_BESIDE = 9


def make_display(
    ledger: Ledger, slots: int, known: Known, console: Console | None = None
) -> "PlainDisplay | LiveDisplay":
    """Return one screen on a terminal, plain lines elsewhere.

    Args:
        ledger: the study's folder.
        slots: runs at a time.
        known: what the study knows so far.
        console: where to print; None: stdout.
    """
    console = console or Console(highlight=False)
    kind = LiveDisplay if console.is_terminal else PlainDisplay
    return kind(_Runs(ledger, slots), known, console)


class _Runs:
    """The runs of a study, as their folders and the ledger show them."""

    def __init__(self, ledger: Ledger, slots: int) -> None:
        self._ledger, self._slots = ledger, slots
        self._followers = {
            job.name: Follower(ledger.folder_of(job)) for job in ledger.jobs
        }
        for follower in self._followers.values():
            follower.look()  # what an earlier session has left
        self.title = ledger.path.name

    @property
    def jobs(self) -> list[Job]:
        """Return the jobs, those first that matter most now."""
        return sorted(self._ledger.jobs, key=lambda job: _FIRST.index(self.state(job)))

    def look(self, running: Collection[str]) -> None:
        """Read what the running ones have logged."""
        for name in running:
            self._followers[name].look()

    def seen(self, job: Job) -> Seen:
        """Return the newest of a run."""
        return self._followers[job.name].seen

    def state(self, job: Job) -> State:
        """Return a run's state."""
        return self._ledger.states[job.name].state

    def detail(self, job: Job) -> str:
        """Return why a run is in its state."""
        return self._ledger.states[job.name].detail

    def counts(self) -> str:
        """Return how many runs are in which state, and the time left."""
        found = Counter(self.state(job) for job in self._ledger.jobs)
        words = ", ".join(f"{found[state]} {state}" for state in _FIRST if found[state])
        seen = {name: follower.seen for name, follower in self._followers.items()}
        states: dict[str, State] = {
            name: run.state for name, run in self._ledger.states.items()
        }
        left = seconds_left(self._ledger.jobs, states, seen, self._slots)
        if math.isnan(left) or left == 0:
            return words
        return f"{words}; at most {duration(left)} left at this speed"


class PlainDisplay:
    """Print a line when a run's state or verdict changes."""

    def __init__(self, runs: _Runs, known: Known, console: Console) -> None:
        self._runs, self._known, self._console = runs, known, console
        self._looked = -math.inf
        self._told: dict[str, str] = {}
        self._said = ""

    def changed(self, job: Job, state: State, detail: str) -> None:
        """Print the new state of a job, and what is known after an end."""
        self._runs.look([job.name])
        end = f", {_clocks(self._runs.seen(job))}" if state in FINISHED else ""
        why = f": {detail}" if detail else ""
        self.say(f"{_title(job)} {state}{end}{why}")
        if state != "running":
            self.say(self._runs.counts())
            self._say_what_is_known()

    def refresh(self, running: Collection[str]) -> None:
        """Print verdicts that are new."""
        if time.monotonic() - self._looked < _LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        self._runs.look(running)
        for job in self._runs.jobs:
            seen = self._runs.seen(job)
            if job.name in running and seen.phase != self._told.get(job.name, ""):
                self._told[job.name] = seen.phase
                self.say(f"{_title(job)} {seen.phase}, {_clocks(seen)}")

    def say(self, line: str) -> None:
        """Print a line with the time."""
        now = datetime.now().strftime("%H:%M:%S")
        self._console.print(f"{now} {line}", markup=False, soft_wrap=True)

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _say_what_is_known(self) -> None:
        known = self._known()
        if known != self._said:
            self._said = known
            self._console.print(known, markup=False, soft_wrap=True)


class LiveDisplay:
    """Redraw a table of runs in place."""

    def __init__(self, runs: _Runs, known: Known, console: Console) -> None:
        self._runs, self._console, self._know = runs, console, known
        self._known, self._line = known(), ""
        self._looked = -math.inf
        self._live = Live(self, console=console, refresh_per_second=2, transient=False)
        self._live.start()

    def changed(self, job: Job, state: State, detail: str) -> None:
        """Look at a run whose state has changed."""
        self._runs.look([job.name])
        if state != "running":
            self._known = self._know()

    def refresh(self, running: Collection[str]) -> None:
        """Read the logs once a second."""
        if time.monotonic() - self._looked > _LOOK_EVERY_S:
            self._looked = time.monotonic()
            self._runs.look(running)

    def say(self, line: str) -> None:
        """Show a line below the table."""
        self._line = line

    def close(self) -> None:
        """Leave the last screen."""
        self._live.stop()

    def __rich__(self) -> RenderableType:
        """Return the screen."""
        known = Text(self._known)
        beside = _LINES_BESIDE + self._known.count("\n")
        room = max(3, self._console.height - beside)
        parts: list[RenderableType] = [
            self._table(room),
            Text(self._runs.counts(), style="dim"),
        ]
        parts += [known] if self._known else []
        parts += [Text(self._line, style="yellow")] if self._line else []
        return Panel(
            Group(*parts), title=f"study {self._runs.title}", title_align="left"
        )

    def _table(self, room: int) -> Table:
        """Return the runs as a table with at most this number of rows."""
        table = Table(box=None, pad_edge=False)
        for heading in ("arm", "seed", "state", "phase"):
            table.add_column(heading, no_wrap=True, overflow="ellipsis")
        for heading in ("success", "env steps", "updates", "time"):
            table.add_column(heading, justify="right", no_wrap=True)
        jobs = self._runs.jobs
        for job in jobs[:room]:
            state, seen = self._runs.state(job), self._runs.seen(job)
            table.add_row(
                job.arm,
                str(job.seed),
                Text(state, style=_COLORS[state]),
                Text(seen.phase, style=seen.color),
                *_numbers(seen),
            )
        if len(jobs) > room:
            table.add_row(f"and {len(jobs) - room} more", *[""] * 7, style="dim")
        return table


def _title(job: Job) -> str:
    return f"{job.arm}, seed {job.seed}:"


def _numbers(seen: Seen) -> tuple[str, str, str, str]:
    """Return success and the clocks as text; a dash for what is not known yet."""
    success = "-" if math.isnan(seen.success) else f"{seen.success:.2f}"
    if not seen.row:
        return success, "-", "-", "-"
    steps, updates = seen.row["env_steps"], seen.row["updates"]
    return success, f"{steps:,.0f}", f"{updates:,.0f}", duration(seen.row["wall_s"])


def _clocks(seen: Seen) -> str:
    """Return success and the clocks as a line."""
    success, steps, updates, took = _numbers(seen)
    return f"success {success} after {steps} env steps, {updates} updates, {took}"

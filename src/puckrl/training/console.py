"""Show a run while it trains: a live panel on a terminal, plain lines elsewhere."""

import time
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from puckrl.core.words import duration, sparkline
from puckrl.monitor.verdict import Verdict
from puckrl.training.loop import Limits
from puckrl.training.sinks import LogRow, is_evaluation
from puckrl.training.status import Status

_PLAIN_EVERY_S = 10.0


class Display(Protocol):
    """Show numbers, verdicts and what the run does now."""

    def report(self, status: Status) -> None:
        """Show what the run does now."""
        ...

    def write(self, row: LogRow) -> None:
        """Show a row of numbers."""
        ...

    def tell(self, verdict: Verdict, evaluation: LogRow) -> None:
        """Show the doctor's verdict on an evaluation."""
        ...

    def close(self) -> None:
        """Stop showing: the run is over."""
        ...


def make_display(title: str, limits: Limits, console: Console | None = None) -> Display:
    """Return a live panel on a terminal, plain lines elsewhere."""
    console = console or Console()
    if console.is_terminal:
        return LiveDisplay(title, limits, console)
    return PlainDisplay(title, limits, console)


class PlainDisplay:
    """Print a line per evaluation, and one of training every ten seconds."""

    def __init__(self, title: str, limits: Limits, console: Console) -> None:
        self._console, self._limits = console, limits
        self._spoken = time.monotonic()
        self._told, self._trained = "", "-"
        self._print(title)

    def report(self, status: Status) -> None:
        """Announce only a compilation, which takes long, and a stop that was asked for."""
        if status is Status.COMPILING:
            self._print("compiling the update (once per machine and configuration) ...")
        elif status is Status.STOPPING:
            self._print(status.value)

    def write(self, row: LogRow) -> None:
        """Print evaluations always, training every ten seconds."""
        self._trained = _trained(row, self._trained)
        if is_evaluation(row):
            self._print(f"{_clocks(row)}  {' '.join(_judged(row))}")
        elif time.monotonic() - self._spoken > _PLAIN_EVERY_S:
            self._print(
                f"{_clocks(row)}  training success {self._trained}  {_rates(row)}"
            )

    def tell(self, verdict: Verdict, evaluation: LogRow) -> None:
        """Print a line when the verdict changes."""
        words = f"{verdict.label}; {verdict.advice}"
        if words != self._told:
            self._print(f"{'doctor':>9} {words}")
            self._told = words

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _print(self, line: str) -> None:
        self._spoken = time.monotonic()
        self._console.print(line, highlight=False, soft_wrap=True)


class LiveDisplay:
    """Redraw a panel in place."""

    def __init__(self, title: str, limits: Limits, console: Console) -> None:
        self._title, self._limits = title, limits
        self._status = Status.COLLECTING
        self._row: LogRow = {}
        self._trained = "-"
        self._judged: LogRow = {}
        self._curve: list[float] = []
        self._verdict: Verdict | None = None
        self._live = Live(self, console=console, refresh_per_second=8, transient=False)
        self._live.start()

    def report(self, status: Status) -> None:
        """Show what the run does now; keep showing that it is stopping."""
        if self._status is not Status.STOPPING:
            self._status = status

    def write(self, row: LogRow) -> None:
        """Keep the newest numbers."""
        self._trained = _trained(row, self._trained)
        if is_evaluation(row):
            self._judged = row
            if "eval/success" in row:
                self._curve.append(row["eval/success"])
        else:
            self._row = row

    def tell(self, verdict: Verdict, evaluation: LogRow) -> None:
        """Keep the newest verdict."""
        self._verdict = verdict

    def close(self) -> None:
        """Leave the last panel on the screen."""
        self._status = Status.ENDED
        self._live.stop()

    def __rich__(self) -> RenderableType:
        """Return the panel."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", justify="right")
        table.add_column()
        for name, value in self._lines():
            table.add_row(name, value)
        done = fraction_done(self._row, self._limits)
        bar = ProgressBar(total=1.0, completed=done, width=60)
        return Panel(
            Group(table, Text(""), bar), title=self._title, title_align="left", width=78
        )

    def _lines(self) -> list[tuple[str, RenderableType]]:
        """Return the panel's lines: a name and what stands beside it."""
        lines: list[tuple[str, RenderableType]] = [
            ("now", Text(self._status.value, style="cyan"))
        ]
        if self._judged:
            name, value = _judged(self._judged)
            lines.append((name, Text(value, style="bold green")))
        if self._curve:
            lines.append(("history", Text(sparkline(self._curve), style="green")))
        if self._verdict:
            style = self._verdict.color
            lines.append(
                ("doctor", Text(self._verdict.headline, style=f"bold {style}"))
            )
            lines.append(("advice", Text(self._verdict.advice, style=style)))
        if self._row:
            row = self._row
            moved = row["replay/recent_moving_share"]
            lines.append(
                (
                    "training",
                    f"success {self._trained} (noisy), "
                    f"achieved goal moved in {moved:.0%} of episodes",
                )
            )
            lines.append(("clocks", _clocks(row)))
            lines.append(("speed", _rates(row)))
            lines.append(("remaining", remaining(row, self._limits)))
        return lines


def fraction_done(row: LogRow, limits: Limits) -> float:
    """Return how much of the nearest limit is used up, in [0, 1]."""
    steps = row.get("env_steps", 0) / limits.env_steps if limits.env_steps else 0.0
    seconds = row.get("train_s", 0.0) / limits.train_s if limits.train_s else 0.0
    return min(1.0, max(steps, seconds))


def remaining(row: LogRow, limits: Limits) -> str:
    """Return the time until the budget is spent at the present speed, in words."""
    done = fraction_done(row, limits)
    if done == 0:
        return "no limit"
    seconds = row["train_s"] * (1 - done) / done
    sooner = f", less if success reaches {limits.success:.2f}" if limits.success else ""
    return f"at most {duration(seconds)} of training{sooner}"


def _clocks(row: LogRow) -> str:
    """Return env steps, updates and the time of training."""
    steps, updates = row["env_steps"], row["updates"]
    return f"{steps:>9,.0f} env steps  {updates:>7,.0f} updates  {duration(row['train_s']):>6}"


def _rates(row: LogRow) -> str:
    """Return the speeds of collecting and of learning."""
    steps, updates = row["rate/env_steps_per_s"], row["rate/updates_per_s"]
    return f"{steps:,.0f} env steps/s collecting, {updates:,.0f} updates/s learning"


def _trained(row: LogRow, before: str) -> str:
    """Return success while exploring; the last known if no episode has ended since."""
    return f"{row['train/success']:.2f}" if "train/success" in row else before


def _judged(row: LogRow) -> tuple[str, str]:
    """Return what an evaluation measured, and it: success, or the return without any."""
    over = f"over {row['eval/episodes']:.0f} episodes"
    if "eval/success" not in row:
        return "return", f"{row['eval/return']:.4g}  {over}"
    low, high = row["eval/success_low"], row["eval/success_high"]
    return "success", f"{row['eval/success']:.3f}  [{low:.2f}, {high:.2f}] {over}"

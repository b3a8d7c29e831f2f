"""Run ``puck pretrain`` and ``puck probe``: call the layer below and print."""

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from puckrl.core.errors import UserError

if TYPE_CHECKING:
    from puckrl.perception.pretrain import Pretrained
    from puckrl.representation.probe import Error


def pretrain(args: argparse.Namespace, rest: list[str], console: Console) -> int:
    """Train an encoder before a policy; ``rest`` holds settings of a run."""
    from puckrl.cli import settings
    from puckrl.config.presets import preset

    if not 0.0 < args.lr <= 1.0:
        raise UserError(f"--lr {args.lr:g} is not above 0 and at most 1")
    cfg = settings.parse(preset(args.preset), rest, f"puck train {args.preset}")
    from puckrl.perception.pretrain import PretrainCfg
    from puckrl.perception.pretrain import pretrain as made

    how = PretrainCfg(
        objectives=tuple(args.objective),
        frames=args.frames,
        updates=args.updates,
        batch_size=args.batch_size,
        lr=args.lr,
        sources=tuple(args.frames_from),
    )
    with _Bar(console, quiet=args.json) as bar:
        found = made(cfg, how, args.output, args.runs, bar.report)
    if args.json:
        print(json.dumps(found.as_dict(), indent=2))
        return 0
    console.print(_pretrained_table(found))
    console.print(found.verdict, markup=False, soft_wrap=True)
    console.print(str(found.path), markup=False, soft_wrap=True)
    return 0


def probe(args: argparse.Namespace, rest: list[str], console: Console) -> int:
    """Measure what an encoder knows."""
    from puckrl.perception.heat_map import draw_map
    from puckrl.perception.subject import probe_subject

    found = probe_subject(
        args.what,
        args.runs,
        preset_name=args.preset,
        episodes=args.episodes,
        sources=tuple(args.frames_from),
        seed=args.seed,
    )
    if args.map:
        draw_map(found, args.map)
    if args.json:
        print(json.dumps(found.as_dict(), indent=2))
        return 0
    for what, errors in found.errors.items():
        console.print(_probe_table(what, errors, found.mean_mm[what]))
    quarter = (
        f"{found.frames:,} frames of {found.episodes:,} episodes, a quarter held out"
    )
    console.print(quarter, markup=False)
    console.print(found.sentence, markup=False, soft_wrap=True)
    if args.map:
        console.print(str(args.map), markup=False, soft_wrap=True)
    return 0


class _Bar:
    """Shows how far a pretraining is: a bar on a terminal, a line each tenth elsewhere."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console, self._quiet = console, quiet
        self._bar = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[told]}"),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._told = ""

    def __enter__(self) -> "_Bar":
        """Begin to draw."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End drawing."""
        self._bar.stop()

    def report(self, what: str, share: float, metrics: dict[str, float]) -> None:
        """Show that a share of something is done."""
        told = " · ".join(f"{_name(n)} {x:.3g}" for n, x in metrics.items())
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=1.0, told="")
        self._bar.update(self._tasks[what], completed=share, told=told)
        line = f"{what} {share:4.0%}  {told}".rstrip()
        tenth = line.split("%")[0]
        if self._quiet or self._console.is_terminal or tenth == self._told:
            return
        if metrics or share in (0.0, 1.0):
            self._console.print(line, markup=False, soft_wrap=True)
            self._told = tenth


def _name(metric: str) -> str:
    return metric.removeprefix("train/").replace("_", " ")


def _pretrained_table(found: "Pretrained") -> Table:
    """Return what a pretraining did, as a table."""
    table = Table(box=None, show_header=False)
    table.add_row("playing", f"{found.play_s:.0f} s")
    table.add_row("training", f"{found.train_s:.0f} s, with compilation")
    for name, value in found.metrics.items():
        table.add_row(_name(name), f"{value:.3g}")
    table.add_row("effective rank", f"{found.rank} of {found.features} features")
    table.add_row("constant features", f"{found.constant:.0%}")
    return table


def _probe_table(
    what: str, errors: "dict[str, dict[str, Error]]", mean_mm: float
) -> Table:
    """Return the errors of what is looked for as a table."""
    table = Table(box=None, title=f"error of the {what}, mm: median (95 % within)")
    for heading in ("read from", "linear", "small MLP"):
        table.add_column(heading, justify="left" if heading == "read from" else "right")
    for of, found in errors.items():
        cells = (f"{e.median_mm:.1f} ({e.p95_mm:.0f})" for e in found.values())
        table.add_row(of, *cells)
    table.add_row("always the mean", f"{mean_mm:.1f}", "")
    return table


COMMANDS: dict[str, Callable[[argparse.Namespace, list[str], Console], int]] = {
    "pretrain": pretrain,
    "probe": probe,
}
"""Map the name of a command to its function."""

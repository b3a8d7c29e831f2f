"""Print what took the time of a command: ``puck train --profile``."""

import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from puckrl.core import timeline


def tell_profile(console: Console, file: Path) -> None:
    """Print what took the time and write the timeline, if it was recorded."""
    spans = timeline.recorded()
    if spans is None:
        return
    table = Table(box=None)
    table.add_column("part")
    table.add_column("seconds", justify="right")
    table.add_column("share", justify="right")
    for name, seconds, share in timeline.as_table(spans, time.perf_counter()):
        table.add_row(name, f"{seconds:.1f}", f"{share:.0%}")
    console.print(table)
    timeline.write_trace(spans, file)
    console.print(f"timeline: {file}", markup=False, soft_wrap=True)

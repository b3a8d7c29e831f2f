"""Draw the terminal as SVG for README and docs, from the log of a real run: make pictures.

The run is ``tests/curves/push/push-s0.jsonl.gz``: FetchPush from state on two cores. The live
panel is the one of ``puck train`` in the middle of it, the verdict that of ``puck doctor`` on
all of it.
"""

import gzip
import io
import json
import re
import tempfile
from pathlib import Path

from rich.console import Console, RenderableType

from puckrl.config.presets import preset
from puckrl.doctor.consult import consult, render
from puckrl.logs.facts import with_facts
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import from_rows
from puckrl.training.console import LiveDisplay
from puckrl.training.loop import Limits
from puckrl.training.sinks import LogRow
from puckrl.training.status import Status

DOCS = Path(__file__).parent
LOG = DOCS.parent / "tests/curves/push/push-s0.jsonl.gz"
SEEN = 0.55
"""Share of the run that the live panel has seen."""
FACTS = ["modality=state", "sparse=true", "gamma=0.95", "horizon=50", "her=true"]
"""What its configuration says, which is not in the log."""
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # they come from the network


def draw(content: RenderableType, title: str, file: Path, width: int) -> None:
    """Write what a terminal shows as SVG: dark, so that it reads on every page."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(content)
    svg = console.export_svg(title=title, unique_id=file.stem)
    file.write_text(_FONTS.sub("", svg))


def panel(rows: list[LogRow]) -> LiveDisplay:
    """Return the panel of ``puck train`` after these rows."""
    cfg = preset("push")
    limits = Limits(cfg.budget.env_steps, cfg.budget.train_s, cfg.budget.until_success)
    display = LiveDisplay("push seed 0", limits, Console(file=io.StringIO()))
    display.close()
    for row in rows:
        display.write(row)
    display.report(Status.LEARNING)
    return display


def main() -> None:
    """Draw both pictures."""
    with gzip.open(LOG, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    seen = rows[: int(SEEN * len(rows))]
    display = panel(seen)
    display.tell(diagnose(from_rows(seen), with_facts(RunFacts(), FACTS)), seen[-1])
    draw(display, "puck train push", DOCS / "panel.svg", 80)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "push-s0" / "metrics.jsonl"
        log.parent.mkdir()
        log.write_text("\n".join(map(json.dumps, rows)))
        found = consult([log.parent], facts=FACTS)
    draw(render(found), "puck doctor push-s0", DOCS / "doctor.svg", 110)


if __name__ == "__main__":
    main()

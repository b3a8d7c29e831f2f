"""Draw shapes of learning curves, and write what the doctor says of each: docs/curves.md.

    python benchmarks/shapes.py

Every curve is a real run of ``tests/curves``; ``shapes.toml`` names them. The verdicts are
the doctor's own, so page and doctor cannot disagree: a test compares.
"""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

import corpus
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import RunTable, from_rows
from puckrl.monitor.verdict import Verdict
from puckrl.report.figures import RUN_COLORS, plain, shade

PAGE, PICTURES = Path("docs/curves.md"), Path("docs/curves")
_HEAD = """# What does my curve mean?

Success decides, losses explain: the same falling loss means failure while success is flat and convergence when success
is high. Find your curve below. Every picture is a real run, and the verdict is what `puck doctor` says of it. `python
benchmarks/shapes.py` draws this page; [the doctor](doctor.md) says how it judges, and how often it is right.

"""


@dataclass(frozen=True)
class Shape:
    """A curve that people meet, with what it means."""

    title: str
    """What a person sees."""
    run: str
    """family/name in ``tests/curves``."""
    lower: tuple[str, ...]
    """Signals that explain it."""
    means: str
    """What it means."""
    do: str
    """What to do."""
    until: float = math.inf
    """Env steps after which the run is cut off."""

    @property
    def picture(self) -> Path:
        """Return where it is drawn."""
        words = "".join(c if c.isalnum() else " " for c in self.title.lower()).split()
        return PICTURES / f"{'-'.join(words[:6])}.png"


def shapes() -> list[Shape]:
    """Return every shape of ``shapes.toml``."""
    with Path(__file__).with_name("shapes.toml").open("rb") as file:
        listed = tomllib.load(file)["shape"]
    return [Shape(**shape | {"lower": tuple(shape["lower"])}) for shape in listed]


def examined(shape: Shape) -> tuple[RunTable, Verdict]:
    """Return the run of a shape, as it was known then, with its verdict."""
    family, _, name = shape.run.partition("/")
    (label,) = [
        x
        for x in corpus.read_labels(corpus.CURVES)
        if (x.family, x.name) == (family, name)
    ]
    rows = [
        row
        for row in corpus.load(corpus.CURVES, label)
        if row["env_steps"] <= shape.until
    ]
    table = from_rows(rows)
    return table, diagnose(table, label.run_facts(), corpus.problems(rows))


def draw(shape: Shape, table: RunTable, verdict: Verdict) -> None:
    """Draw success with the doctor's phases above, what explains it below."""
    figure = Figure(figsize=(7, 3.4), dpi=100, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    shade(upper, verdict.spans)
    for name, color in (("train/success", "#8a94a6"), ("eval/success", RUN_COLORS[0])):
        points = table.curve(name)
        upper.plot(points.x, points.y, color=color, lw=1.4, label=name)
    upper.set_ylim(-0.02, 1.1)
    upper.set_ylabel("success")
    _causes(lower, shape, table)
    lower.set_xlabel("env steps")
    plain(upper)
    shape.picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(shape.picture, metadata={"Software": None})


def _causes(axes: Axes, shape: Shape, table: RunTable) -> None:
    """Plot signals, each on an axis of its own color."""
    for i, (name, color) in enumerate(zip(shape.lower, RUN_COLORS[1:], strict=False)):
        points, own = table.curve(name), axes if i == 0 else axes.twinx()
        own.plot(points.x, points.y, color=color, lw=1.2)
        own.set_ylabel(
            name.partition("/")[2].replace("_", " "), color=color, fontsize=8
        )
        own.tick_params(axis="y", labelsize=7)
        own.spines[["top"]].set_visible(False)


def section(shape: Shape, verdict: Verdict) -> str:
    """Return the page's section on a shape."""
    says = f"**{verdict.label}**: {verdict.advice}"
    reasons = "".join(
        f"\n> - {found.name}: {found.reason}" for found in verdict.findings
    )
    chance = [n for n in verdict.numbers if n.name == "chance of a take-off"]
    reasons += "".join(f"\n> - {number}" for number in chance)
    return (
        f"## {shape.title}\n\n![{shape.title}]({shape.picture.relative_to('docs')})\n\n"
        f"{shape.means}\n\n*What to do.* {shape.do}\n\n> {says}\n>{reasons}\n\n"
    ).replace("\n>\n\n", "\n\n")


def page() -> str:
    """Return the whole page."""
    return _HEAD + "".join(section(s, examined(s)[1]) for s in shapes()).rstrip() + "\n"


def main() -> None:
    """Draw every picture and write the page."""
    for shape in shapes():
        draw(shape, *examined(shape))
    PAGE.write_text(page())


if __name__ == "__main__":
    main()

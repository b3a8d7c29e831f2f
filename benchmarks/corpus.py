"""Load labeled logs of real runs, and score the doctor on them.

tests/curves/labels.csv            one line per run: its file and its label
tests/curves/<family>/<name>.jsonl.gz

A label says when the run took off, when it reached its plateau, when it lost what it had
gained, and which sickness it had, if any. It comes from how the run was made (a control
that cannot learn) or from its evaluations, never from the doctor.
"""

import csv
import gzip
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args, get_type_hints

import numpy as np

from puckrl.core.errors import UserError
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.hygiene import Stream, examine
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import RunTable, from_rows
from puckrl.monitor.verdict import Finding, Phase, Verdict
from puckrl.training.sinks import LogRow

CURVES = Path("tests/curves")
Split = Literal["develop", "held-out"]
_MOMENTS = 20
_TOLERANCE = 0.1
_ROWS = 400
_MIXED = "contaminated log"  # of two runs: it has no phases


@dataclass(frozen=True)
class Label:
    """Hold what is known about a run; in env steps, inf: never."""

    family: str
    """Runs of one family go to the same side of the split."""
    name: str
    """File name without its ending."""
    split: Split
    """develop: rules may be tuned on it; held-out: they may not."""
    origin: str
    """What made it, in a few words."""
    first_update: float
    """End of the warm-up."""
    take_off: float
    """When success left its floor for good."""
    settled: float
    """When it arrived at its plateau."""
    collapsed: float
    """When it lost half of what it had."""
    sickness: str
    """Name of the finding that must be made, "" for a healthy run."""
    facts: str
    """RunFacts as JSON, unknowns left out."""

    def run_facts(self) -> RunFacts:
        """Return the facts of a run for the doctor."""
        return RunFacts(**json.loads(self.facts or "{}"))

    def phase(self, env_steps: float) -> Phase | Literal["climb"]:
        """Return the true phase; take-off and converging count as one climb."""
        if env_steps >= self.collapsed:
            return "collapsed"
        if env_steps >= self.settled:
            return "converged"
        if env_steps >= self.take_off:
            return "climb"
        return "warm-up" if env_steps < self.first_update else "flat"


@dataclass(frozen=True)
class Score:
    """Score the doctor on one run."""

    label: Label
    """What is true."""
    right: int
    """Moments whose phase was right."""
    judged: int
    """Moments that are far enough from every change of phase to be judged."""
    called_dead: bool
    """Whether it would have been stopped as dead at any of the moments."""
    found: bool
    """Whether the sickness was found, or a healthy run was left in peace."""
    said: str
    """The final verdict's headline."""


def store(folder: Path, family: str, name: str, rows: Sequence[LogRow]) -> Path:
    """Write a run's rows in order: at most 400 of training, and every evaluation."""
    trained = sum("eval/success" not in row for row in rows)
    step, seen = math.ceil(trained / _ROWS) or 1, 0
    kept: list[LogRow] = []
    for row in rows:
        judged = "eval/success" in row
        if judged or seen % step == 0:
            kept.append(row)
        seen += not judged
    path = folder / family / f"{name}.jsonl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row) + "\n" for row in kept)
    with gzip.GzipFile(path, "wb", mtime=0) as file:  # same rows, same bytes
        file.write(lines.encode())
    return path


def load(folder: Path, label: Label) -> list[LogRow]:
    """Return a stored run's rows in the order of writing."""
    path = folder / label.family / f"{label.name}.jsonl.gz"
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def read_labels(folder: Path) -> list[Label]:
    """Return every label of a corpus.

    Raises:
        UserError: for a missing file, or a line that is not a label.
    """
    path = folder / "labels.csv"
    if not path.is_file():
        raise UserError(f"no corpus at {folder}: it has no labels.csv")
    hints = get_type_hints(Label)
    found: list[Label] = []
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            if set(line) != set(hints) or line["split"] not in get_args(Split):
                raise UserError(
                    f"{path}, {line.get('name')}: wanted {', '.join(hints)}"
                )
            values = {
                key: (float(text or "inf") if hints[key] is float else text)
                for key, text in line.items()
            }
            found.append(Label(**values))  # pyright: ignore[reportArgumentType]
    return found


def write_labels(folder: Path, labels: Sequence[Label]) -> None:
    """Write labels.csv, sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        names = [f.name for f in fields(Label)]
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for label in sorted(labels, key=lambda x: (x.family, x.name)):
            line = asdict(label)
            writer.writerow({k: "" if v == math.inf else v for k, v in line.items()})


def proposed(rows: Sequence[LogRow], chance: float = 0.05) -> dict[str, float]:
    """Propose a label from the evaluations alone, for a person to correct.

    Without evaluations, propose it from the success of training.

    take_off: half-way between the last evaluation below ``chance`` + 0.1 and the first
    of two in a row above it. settled: the first evaluation within 0.05 of the median of
    the last fifth, if the last fifth is constant.
    """
    found = {name for row in rows for name in row}
    name = "eval/success" if "eval/success" in found else "train/success"
    judged = [(r["env_steps"], r[name]) for r in rows if name in r]
    first = next((r["env_steps"] for r in rows if r.get("updates", 0) > 0), 0.0)
    never = {"first_update": first, "take_off": math.inf, "settled": math.inf}
    if len(judged) < 3:
        return never
    steps, success = np.array(judged).T
    above = success >= chance + 0.1
    pair = np.flatnonzero(above[:-1] & above[1:])
    if not len(pair):
        return never
    i = int(pair[0])
    take_off = float(steps[i] if i == 0 else (steps[i - 1] + steps[i]) / 2)
    tail = success[-max(3, len(success) // 5) :]
    level = float(np.median(tail))
    still = float(np.ptp(tail)) < 0.1 and level > 0.8
    arrived = float(steps[np.flatnonzero(success >= level - 0.05)[0]])
    return never | {"take_off": take_off, "settled": arrived if still else math.inf}


def score(label: Label, rows: Sequence[LogRow]) -> Score:
    """Compare the verdicts at 20 moments after a run's first row with its label.

    Phases come from the whole log. A moment counts if it is further from every true change
    than a tenth of the take-off. Death is judged from the log up to the moment.
    """
    table, facts = from_rows(rows), label.run_facts()
    found = problems(rows)
    whole = diagnose(table, facts, found)
    changes = (label.first_update, label.take_off, label.settled, label.collapsed)
    edge = label.take_off if math.isfinite(label.take_off) else table.end
    right = judged = 0
    moments = np.linspace(rows[0]["env_steps"], table.end, _MOMENTS + 1)[1:]
    for moment in () if label.sickness == _MIXED else moments:
        if any(abs(moment - change) <= _TOLERANCE * edge for change in changes):
            continue
        judged += 1
        right += _phase_at(whole, float(moment)) == label.phase(float(moment))
    return Score(
        label,
        right,
        judged,
        called_dead=not found and _ever_dead(table, facts),
        found=_found(whole, label),
        said=whole.headline,
    )


def sureness(label: Label, rows: Sequence[LogRow]) -> list[tuple[float, bool]]:
    """Return how sure the doctor was of the phase as the run went on, and if it was right.

    Each verdict sees the log up to its moment, as a live run's does; moments near a
    change of phase do not count. Verdicts without a phase say nothing.
    """
    table, facts = from_rows(rows), label.run_facts()
    if label.sickness == _MIXED:
        return []
    changes = (label.first_update, label.take_off, label.settled, label.collapsed)
    edge = label.take_off if math.isfinite(label.take_off) else table.end
    found: list[tuple[float, bool]] = []
    for moment in np.linspace(table.end / 10, table.end, 10):
        if any(abs(moment - change) <= _TOLERANCE * edge for change in changes):
            continue
        verdict = diagnose(table.upto(float(moment)), facts)
        if verdict.phase != "unknown":
            phase = _phase_at(verdict, float(moment))
            found.append((verdict.confidence, phase == label.phase(float(moment))))
    return found


def calibration(pairs: Sequence[tuple[float, bool]]) -> list[dict[str, float]]:
    """Return the share of right verdicts by how sure they were."""
    edges = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
    table: list[dict[str, float]] = []
    for low, high in pairwise(edges):
        inside = [(sure, ok) for sure, ok in pairs if low <= sure < high]
        if inside:
            table.append(
                {
                    "from": low,
                    "to": high,
                    "verdicts": len(inside),
                    "sure": sum(sure for sure, _ in inside) / len(inside),
                    "right": sum(ok for _, ok in inside) / len(inside),
                }
            )
    return table


def _found(verdict: Verdict, label: Label) -> bool:
    """Return whether the verdict has what the label requires."""
    if not label.sickness:
        return not verdict.sick
    return any(f.name == label.sickness for f in verdict.findings)


def _ever_dead(table: RunTable, facts: RunFacts) -> bool:
    moments = np.linspace(table.end / _MOMENTS, table.end, _MOMENTS)
    verdicts = (diagnose(table.upto(float(m)), facts) for m in moments)
    found = (v.finding("dead flat") for v in verdicts if v.phase == "flat")
    return any(f is not None and f.color == "red" for f in found)


def _phase_at(verdict: Verdict, env_steps: float) -> str:
    """Return the phase of a moment according to the verdict."""
    for span in reversed(verdict.spans):
        if env_steps > span.env_steps[0]:
            break
    else:
        span = verdict.spans[0]
    return "climb" if span.phase in ("take-off", "converging") else span.phase


def problems(rows: Sequence[LogRow]) -> list[Finding]:
    """Return what is wrong with the clock of rows in the order of writing."""
    return examine([_stream(rows)])


def _stream(rows: Sequence[LogRow]) -> Stream:
    steps = np.array([row["env_steps"] for row in rows])
    return Stream("rows", {"rows": steps}, {"rows": np.full(len(rows), np.nan)})


def summary(scores: Sequence[Score]) -> dict[str, float | int]:
    """Return phases right, precision of "dead", sicknesses found, healthy runs passed."""
    dead = [s for s in scores if s.called_dead]
    truly = [s for s in dead if not math.isfinite(s.label.take_off)]
    sick = [s for s in scores if s.label.sickness]
    healthy = [s for s in scores if not s.label.sickness]
    judged = sum(s.judged for s in scores)
    return {
        "runs": len(scores),
        "moments": judged,
        "phases_right": sum(s.right for s in scores) / judged if judged else math.nan,
        "called_dead": len(dead),
        "dead_precision": len(truly) / len(dead) if dead else math.nan,
        "sick_found": sum(s.found for s in sick) / len(sick) if sick else math.nan,
        "healthy_left_in_peace": (
            sum(s.found for s in healthy) / len(healthy) if healthy else math.nan
        ),
    }

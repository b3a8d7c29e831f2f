"""Run puck doctor: from paths to verdicts, one run or several side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from puckrl.config.run_cfg import is_hashed
from puckrl.core.errors import UserError
from puckrl.doctor.logs.facts import with_facts
from puckrl.doctor.logs.log import RunLog, unreadable
from puckrl.doctor.logs.names import parse_map
from puckrl.doctor.logs.read import read_or_excuse
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import RunTable
from puckrl.monitor.verdict import Color, Span, Verdict

SICK = 3
"""Exit code if a run is sick."""
STYLES: Mapping[Color, str] = {"green": "green", "yellow": "yellow", "red": "red"}
_SHOWN = 6


@dataclass(frozen=True)
class Patient:
    """Hold a run and its verdict."""

    log: RunLog
    """The log that was read."""
    facts: RunFacts
    """What is known of the run besides."""
    table: RunTable
    """The numbers."""
    verdict: Verdict
    """The doctor's verdict."""

    @property
    def excuse(self) -> str | None:
        """Return why it could not be read, None if it could."""
        found = self.verdict.finding("unreadable log")
        return None if found is None else found.reason


@dataclass(frozen=True)
class Consultation:
    """Hold all runs of one call."""

    patients: tuple[Patient, ...]
    """In the order of the command line."""
    differences: Mapping[str, tuple[Any, ...]]
    """Settings that differ between them, except those that decide no result."""
    comparable: bool | None
    """Whether at most one setting differs; None: settings unknown, or a single run."""

    @property
    def exit_code(self) -> int:
        """Return 0 if no run is sick, else 3."""
        return SICK if any(p.verdict.sick for p in self.patients) else 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "runs": [
                {
                    "name": p.log.name,
                    "path": str(p.log.path),
                    "kinds": list(p.log.kinds),
                    "verdict": p.verdict.as_dict(),
                    "unmapped": list(p.log.unmapped),
                }
                for p in self.patients
            ],
            "differences": {k: list(v) for k, v in self.differences.items()},
            "comparable": self.comparable,
        }


def consult(
    paths: Sequence[Path], mapping: Sequence[str] = (), facts: Sequence[str] = ()
) -> Consultation:
    """Read and judge every run at the paths.

    Args:
        paths: files, run folders, or folders of those.
        mapping: ``theirs=ours`` names of signals.
        facts: ``name=value`` facts that the logs do not hold.

    Raises:
        UserError: if a path does not exist, or nothing can be read. An unreadable run
            beside readable ones is a patient with an excuse.
    """
    names = parse_map(mapping)
    for path in paths:
        if not path.exists():
            raise UserError(f"no log at {path}; name an existing file or folder")
    read = [log for path in paths for log in read_or_excuse(path, names)]
    patients = tuple(_examine(log, facts) for log in read)
    excuses = [p.excuse for p in patients if p.excuse is not None]
    if len(excuses) == len(patients):
        raise UserError(excuses[0])
    logs = [p.log for p in patients if p.excuse is None]
    differences = differing([log.settings for log in logs])
    known = len(logs) > 1 and all(log.settings is not None for log in logs)
    return Consultation(patients, differences, len(differences) <= 1 if known else None)


def _examine(log: RunLog, items: Sequence[str]) -> Patient:
    """Judge one log."""
    table, facts = log.table, with_facts(log.facts, items)
    if not any(name in table for name in _GOALS) and not log.problems:
        known = ", ".join(table.columns)
        why = (
            f"{log.path} holds neither success nor return (it has {known}); name one "
            "with --map NAME=eval/success"
        )
        log = replace(log, problems=(unreadable(why),))
    if why := _out_of_range(table):
        log = replace(log, problems=(unreadable(f"{log.path}: {why}"), *log.problems))
    return Patient(log, facts, table, diagnose(table, facts, log.problems))


_GOALS = ("eval/success", "train/success", "eval/return", "train/return")


def _out_of_range(table: RunTable) -> str | None:
    """Return what is wrong with a success rate outside [0, 1], None if it is inside."""
    for name in ("eval/success", "train/success"):
        values = table.curve(name).y
        if len(values) and not (values.min() > -1e-6 and values.max() < 1 + 1e-6):
            return (
                f"{name} goes from {values.min():g} to {values.max():g}; a share must lie "
                "in [0, 1]: divide percentages by 100"
            )
    return None


def differing(
    settings: Sequence[Mapping[str, Any] | None],
) -> dict[str, tuple[Any, ...]]:
    """Return the settings that differ between runs, of those that decide the result.

    Leaves out runs whose settings are unknown.
    """
    known = [s for s in settings if s is not None]
    names = dict.fromkeys(name for s in known for name in s)
    found: dict[str, tuple[Any, ...]] = {}
    for name in names:
        values = tuple(s.get(name) for s in known)
        if is_hashed(name) and any(v != values[0] for v in values):
            found[name] = values
    return found


def render(consultation: Consultation) -> RenderableType:
    """Return what the terminal shows."""
    parts: list[RenderableType] = []
    for patient in consultation.patients:
        parts += [*_story(patient), Text("")]
    if len(consultation.patients) > 1:
        parts.append(_side_by_side(consultation))
        parts += [Text(line) for line in _confounded(consultation)]
    return Group(*parts)


def _story(patient: Patient) -> list[RenderableType]:
    """Return one run's part: headline, phases, numbers, findings, advice."""
    verdict, style = patient.verdict, STYLES[patient.verdict.color]
    kinds = " + ".join(patient.log.kinds)
    head = Text.assemble(
        (patient.log.name, "bold"),
        f"  ({kinds})  ",
        (verdict.headline, f"bold {style}"),
    )
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", justify="right")
    rows.add_column()
    rows.add_row("phases", Text(phases_line(verdict.spans)))
    rows.add_row("because", Text("; ".join(map(str, verdict.numbers))))
    for finding in verdict.findings:
        numbers = "; ".join(map(str, finding.numbers))
        text = Text.assemble(
            (finding.name, STYLES[finding.color]), f": {finding.reason}"
        )
        rows.add_row("", text.append(f" [{numbers}]" if numbers else ""))
    rows.add_row("verdict changes if", Text(verdict.changes_if))
    rows.add_row("advice", Text(verdict.advice, style=style))
    if patient.log.unmapped:
        shown = ", ".join(patient.log.unmapped[:6])
        rows.add_row("not read", Text(f"{shown} (--map THEIRS=OURS)", style="dim"))
    return [head, rows]


def phases_line(spans: Sequence[Span]) -> str:
    """Return the phases with both clocks, in one line."""
    return ", ".join(
        f"{s.phase} {count(s.env_steps[0])}-{count(s.env_steps[1])} steps"
        + (f" ({count(s.updates[1])} updates)" if s.updates[1] == s.updates[1] else "")
        for s in spans
    )


def count(number: float) -> str:
    """Return a number with three digits and a unit.

    >>> count(950), count(35046), count(2_200_000)
    ('950', '35.0 k', '2.20 M')
    """
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:#.3g}".rstrip(".") + unit
    return f"{number:.0f}"


def _side_by_side(consultation: Consultation) -> Table:
    """Return one line per run: phase, success, take-off."""
    table = Table(title="side by side", title_justify="left", box=None)
    for heading in (
        "run",
        "phase",
        "success",
        "take-off: steps",
        "updates",
        "env steps",
    ):
        table.add_column(heading)
    for p in consultation.patients:
        start = next((s for s in p.verdict.spans if s.phase == "take-off"), None)
        table.add_row(
            Text(p.log.name),
            Text(p.verdict.phase, style=STYLES[p.verdict.color]),
            "-" if p.verdict.success is None else f"{p.verdict.success:.2f}",
            "-" if start is None else count(start.env_steps[0]),
            "-" if start is None else count(start.updates[0]),
            count(p.table.end),
        )
    return table


def _confounded(consultation: Consultation) -> list[str]:
    """Say whether the comparison explains anything."""
    if consultation.comparable is None:
        return ["settings unknown: one or many may differ between the runs"]
    names = consultation.differences
    if not names:
        return ["same settings: the difference is the seed"]
    listed = [f"{k}: {' / '.join(map(str, v))}" for k, v in names.items()]
    listed = "; ".join(listed[:_SHOWN]) + ("; ..." if len(listed) > _SHOWN else "")
    if consultation.comparable:
        return [f"one setting differs: {listed}"]
    return [
        f"CONFOUNDED: {len(names)} settings differ, so no single one explains anything "
        f"({listed})"
    ]

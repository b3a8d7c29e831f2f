"""Run puck doctor: from paths to verdicts, one run or several side by side."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from puckrl.config.differences import differing
from puckrl.core.errors import UserError, unknown
from puckrl.core.words import count
from puckrl.logs.facts import with_facts
from puckrl.logs.folders import real
from puckrl.logs.log import RunLog
from puckrl.logs.names import Renaming, parse_map
from puckrl.logs.read import read_or_excuse
from puckrl.logs.resume import linked
from puckrl.logs.translate import has_goal
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import RunTable
from puckrl.monitor.verdict import Color, Span, Verdict

BAD_INPUT = 2
"""Exit code if a path that was named does not exist."""
SICK = 3
"""Exit code if a run is sick."""
STYLES: Mapping[Color, str] = {"green": "green", "yellow": "yellow", "red": "red"}
_EXCUSES = ("unreadable log", "unread success", "unknown clock")
_SHOWN = 6
_SHORT = 3  # letters of a name that says something
_MANY = 8  # runs whose stories would hide one another
_WORST: tuple[Color, ...] = ("red", "yellow", "green")


@dataclass(frozen=True)
class Patient:
    """Hold a run and its verdict."""

    log: RunLog
    """The log that was read."""
    facts: RunFacts
    """What is known of the run besides."""
    verdict: Verdict
    """The doctor's verdict."""

    @property
    def table(self) -> RunTable:
        """Return the numbers."""
        return self.log.table

    @property
    def excuse(self) -> str | None:
        """Return why it could not be judged at all, None if it could."""
        found = next((f for f in self.verdict.findings if f.name in _EXCUSES), None)
        if found is None or (found.name != "unreadable log" and self._has_goal):
            return None
        return found.reason

    @property
    def _has_goal(self) -> bool:
        return has_goal(self.table.columns)


@dataclass(frozen=True)
class Consultation:
    """Hold all runs of one call."""

    patients: tuple[Patient, ...]
    """In the order of the command line."""
    differences: Mapping[str, tuple[Any, ...]]
    """Settings that differ between them, except those that decide no result."""
    comparable: bool | None
    """Whether at most one setting differs; None: settings unknown, or a single run."""
    empty: tuple[str, ...] = ()
    """Names of runs that have no rows yet."""
    missing: tuple[str, ...] = ()
    """Paths that do not exist."""

    @property
    def exit_code(self) -> int:
        """Return 3 if a run is sick, else 2 if a path is missing, else 0."""
        if any(p.verdict.sick for p in self.patients):
            return SICK
        return BAD_INPUT if self.missing else 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "runs": [
                {
                    "name": p.log.name,
                    "path": str(p.log.path),
                    "kinds": list(p.log.kinds),
                    "verdict": p.verdict.as_dict(),
                    "producer": p.facts.producer,
                    "unmapped": list(p.log.unmapped),
                    "notes": list(p.log.notes),
                }
                for p in self.patients
            ],
            "empty": list(self.empty),
            "missing": list(self.missing),
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
        UserError: if nothing can be read, or a name in ``mapping`` stands in no log. An
            unreadable run beside readable ones is a patient with an excuse.
    """
    names = parse_map(mapping)
    with_facts(RunFacts(), facts)
    read = linked([log for path in paths for log in read_or_excuse(path, names)])
    _refuse_mistyped(names, read)
    read = named(read)
    empty = [log for log in read if log.empty]
    logs = [log for log in read if not log.empty]
    patients = tuple(_examine(log, facts) for log in logs)
    excuses = [p.excuse for p in patients if p.excuse is not None]
    if len(excuses) == len(patients):
        raise UserError(excuses[0] if excuses else no_rows(empty))
    known = [p.log for p in patients if p.excuse is None]
    differences = differing([log.settings for log in known])
    told = len(known) > 1 and all(log.settings is not None for log in known)
    return Consultation(
        patients,
        differences,
        len(differences) <= 1 if told else None,
        tuple(log.name for log in empty),
        tuple(str(path) for path in paths if not path.exists()),
    )


def no_rows(logs: Sequence[RunLog]) -> str:
    """Return that logs have no rows yet, in one line."""
    names = ", ".join(str(log.path) for log in logs[:_SHOWN])
    more = f" and {len(logs) - _SHOWN} more" if len(logs) > _SHOWN else ""
    has = "has" if len(logs) == 1 else "have"
    return f"{names}{more} {has} no rows yet; try again when something is logged"


def _refuse_mistyped(mapping: Mapping[str, Renaming], logs: Sequence[RunLog]) -> None:
    """Refuse names of the --map option that stand in no log that was read.

    Raises:
        UserError: for the first such name, with the closest one.
    """
    names = frozenset(name for log in logs for name in log.names)
    for theirs in mapping:
        if names and theirs not in names:
            error = unknown("name", theirs, names)
            raise UserError(f"--map {theirs}={mapping[theirs].ours}: {error}")


def named(logs: Sequence[RunLog]) -> list[RunLog]:
    """Return logs whose names differ: those alike get their folders' names in front.

    So do names that say nothing, of one or two characters.
    """
    found = list(logs)
    for depth in range(1, 8):
        counts = Counter(log.name for log in found)
        for i, (log, first) in enumerate(zip(found, logs, strict=True)):
            parents = real(log.path).parts
            if log.path.is_file():
                parents = parents[:-1]
            if first.name == parents[-1]:
                parents = parents[:-1]
            alike = counts[log.name] > 1 or len(log.name) < _SHORT
            if alike and depth <= len(parents) - 1:
                name = "/".join((*parents[-depth:], first.name))
                found[i] = replace(log, name=name)
    return found


def _examine(log: RunLog, items: Sequence[str]) -> Patient:
    """Judge one log."""
    facts = with_facts(log.facts, items)
    return Patient(log, facts, diagnose(log.table, facts, log.problems))


def render(consultation: Consultation) -> RenderableType:
    """Return what the terminal shows."""
    parts: list[RenderableType] = []
    read = [p for p in consultation.patients if p.excuse is None]
    many = len(read) > _MANY
    told = [p for p in read if p.verdict.sick][:_SHOWN] if many else read
    for patient in told:
        parts += [*_story(patient), Text("")]
    if len(consultation.patients) > 1:
        parts.append(_side_by_side(read))
        parts += [Text(line) for line in _confounded(consultation)]
    if many:
        parts.append(Text(f"{len(read)} runs, the worst first; name one for its story"))
    for patient in consultation.patients:
        if patient.excuse is not None:
            parts.append(
                Text.assemble(
                    "not read: ", (patient.log.name, "bold"), f"  {patient.excuse}"
                )
            )
    if consultation.empty:
        parts.append(Text("no rows yet: " + ", ".join(consultation.empty)))
    return Group(*parts)


def _story(patient: Patient) -> list[RenderableType]:
    """Return one run's part: headline, phases, numbers, findings, advice."""
    verdict, style = patient.verdict, STYLES[patient.verdict.color]
    kinds = " + ".join(patient.log.kinds)
    if patient.facts.producer is not None:
        kinds = f"{patient.facts.producer}: {kinds}"
    head = Text.assemble(
        (patient.log.name, "bold"),
        f"  ({kinds})  ",
        (verdict.headline, f"bold {style}"),
    )
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", justify="right")
    rows.add_column()
    clock = "of its clock" if verdict.finding("unknown clock") else "steps"
    rows.add_row("phases", Text(phases_line(verdict.spans, clock)))
    rows.add_row("because", Text("; ".join(map(str, verdict.numbers))))
    for finding in verdict.findings:
        numbers = "; ".join(map(str, finding.numbers))
        text = Text.assemble(
            (finding.name, STYLES[finding.color]), f": {finding.reason}"
        )
        rows.add_row("", text.append(f" [{numbers}]" if numbers else ""))
    rows.add_row("verdict changes if", Text(verdict.changes_if))
    rows.add_row("advice", Text(verdict.advice, style=style))
    for note in patient.log.notes:
        rows.add_row("note", Text(note, style="dim"))
    if patient.log.unmapped:
        shown = ", ".join(patient.log.unmapped[:_SHOWN])
        rows.add_row("not read", Text(f"{shown} (--map THEIRS=OURS)", style="dim"))
    return [head, rows]


def phases_line(spans: Sequence[Span], clock: str = "steps") -> str:
    """Return the phases with both clocks, in one line; ``clock`` says what the first counts."""
    return ", ".join(
        f"{s.phase} {count(s.env_steps[0])}-{count(s.env_steps[1])} {clock}"
        + (f" ({count(s.updates[1])} updates)" if s.updates[1] == s.updates[1] else "")
        for s in spans
    )


def _severity(patient: Patient) -> tuple[int, str, str]:
    """Return a key that sorts the worst runs first."""
    verdict = patient.verdict
    return _WORST.index(verdict.color), verdict.label, patient.log.name


def _side_by_side(patients: Sequence[Patient]) -> Table:
    """Return one line per run: verdict, success, take-off; the worst first."""
    table = Table(title="side by side", title_justify="left", box=None)
    for heading in ("run", "verdict", "success", "take-off: steps", "updates"):
        table.add_column(heading)
    table.add_column("env steps")
    for p in sorted(patients, key=_severity):
        start = next((s for s in p.verdict.spans if s.phase == "take-off"), None)
        table.add_row(
            Text(p.log.name),
            Text(p.verdict.label, style=STYLES[p.verdict.color]),
            "-" if p.verdict.success is None else f"{p.verdict.success:.2f}",
            "-" if start is None else count(start.env_steps[0]),
            "-" if start is None else count(start.updates[0]),
            count(p.table.end),
        )
    return table


def _confounded(consultation: Consultation) -> list[str]:
    """Say whether the comparison explains anything."""
    known = [p.log.name for p in consultation.patients if p.excuse is None]
    if consultation.comparable is None:
        return ["settings unknown: one or many may differ between the runs"]
    names = consultation.differences
    if not names:
        return ["same settings: the difference is the seed"]
    listed = [f"{k}: {' / '.join(map(str, v))}" for k, v in names.items()]
    listed = "; ".join(listed[:_SHOWN]) + ("; ..." if len(listed) > _SHOWN else "")
    if consultation.comparable:
        return [f"one setting differs: {listed}"]
    runs = ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
    return [
        f"CONFOUNDED: {len(names)} settings differ between {runs}, so no single one "
        f"explains anything ({listed})"
    ]

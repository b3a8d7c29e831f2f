"""Compare runs: settings that differ, how they were made, curves, and what confounds them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from puckrl.config.differences import differing
from puckrl.config.facts import flat_settings
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.report.rows import read_rows
from puckrl.runner import run_folder
from puckrl.runner.summaries import RunSummary, summary_of
from puckrl.training.sinks import LogRow

LEVELS = (0.5, 0.9, 0.95)
"""Success rates whose first reach is compared."""
_HARDWARE = (
    "machine.device",
    "machine.gpu",
    "machine.cpu",
    "machine.cores",
    "processes",
)
_UNEQUAL = 1.05
"""Ratio of updates from which runs have not been trained alike."""


class Point(NamedTuple):
    """Hold one evaluation."""

    env_steps: float
    """Env steps."""
    updates: float
    """Critic updates."""
    success: float
    """Success rate."""


@dataclass(frozen=True)
class Contender:
    """Hold one run of a comparison."""

    summary: RunSummary
    """Where it stands."""
    cfg: RunCfg
    """Its configuration."""
    made: Mapping[str, Any]
    """How it was made: versions, revision, machine, hashes of the task's files."""
    rows: Sequence[LogRow]
    """Its logged numbers."""
    interval: tuple[float, float] | None
    """95 % interval of the final success; None before the end."""

    @property
    def curve(self) -> list[Point]:
        """Return the evaluations, in the order of time."""
        return [
            Point(row["env_steps"], row.get("updates", 0.0), row["eval/success"])
            for row in self.rows
            if row.get("eval/success", -1.0) >= 0.0
        ]


@dataclass(frozen=True)
class Comparison:
    """Hold what differs between runs."""

    runs: tuple[Contender, ...]
    """In the order of the command line."""
    settings: Mapping[str, tuple[Any, ...]]
    """Settings that differ and decide what is learned, a value for each run."""
    others: Mapping[str, tuple[Any, ...]]
    """Other settings that differ: seed, device, evaluation, budget, files."""
    made: Mapping[str, tuple[Any, ...]]
    """Versions, machine and task files that differ."""

    @property
    def warnings(self) -> list[str]:
        """Return what keeps the comparison from explaining anything, in words."""
        return [warning for rule in _RULES for warning in rule(self)]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "runs": [_run_as_dict(run) for run in self.runs],
            "settings": {name: list(values) for name, values in self.settings.items()},
            "other_settings": {name: list(v) for name, v in self.others.items()},
            "made_with": {name: list(values) for name, values in self.made.items()},
            "comparable": len(self.settings) <= 1,
            "warnings": self.warnings,
        }


def _run_as_dict(run: Contender) -> dict[str, Any]:
    """Return a run's summary, curve and first reaches as plain values."""
    return {
        **run.summary.as_dict(),
        "interval": run.interval,
        "curve": [point._asdict() for point in run.curve],
        "first_reached": {
            f"{level:g}": point and point._asdict()
            for level in LEVELS
            for point in (reached(run, level),)
        },
    }


def compare(names: Sequence[str], root: Path) -> Comparison:
    """Read runs and find what differs between them.

    Args:
        names: run folders, or their names in ``root``.
        root: folder of run folders.

    Raises:
        UserError: for fewer than two different runs, a run that is not there, or one that
            cannot be read.
    """
    folders = [run_folder.find(name, root) for name in names]
    places = {folder.path.resolve() for folder in folders}
    if len(places) < 2 or len(places) < len(folders):
        raise UserError(
            "puck compare needs two runs or more, each named once; they are listed by: "
            "puck runs"
        )
    runs = tuple(_contender(folder) for folder in folders)
    flat = [flat_settings(run.cfg) for run in runs]
    others = differing(flat, hashed=False)
    for name in [name for name in others if name.startswith("expect.")]:
        del others[name]  # what a preset promises changes nothing
    return Comparison(runs, differing(flat), others, _differing_facts(runs))


def _contender(folder: run_folder.RunFolder) -> Contender:
    """Read one run.

    Raises:
        UserError: if any of its files cannot be read.
    """
    summary = summary_of(folder.path)
    if summary.status == "damaged":
        raise UserError(f"{folder.path} is damaged: {summary.ended_by}")
    manifest = folder.manifest()
    rows = read_rows(folder.metrics) if folder.metrics.exists() else []
    final = manifest.get("result") or {}
    low, high = final.get("interval") or (None, None)
    return Contender(
        summary,
        folder.config(),
        dict(_made(manifest)),
        rows,
        None if low is None or high is None else (low, high),
    )


def _made(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield how a run was made, by dotted name."""
    for section in ("versions", "machine"):
        for name, value in (manifest.get(section) or {}).items():
            yield f"{section}.{name}", value
    git = manifest.get("git") or {}
    if revision := git.get("revision"):
        yield "git.revision", f"{revision[:8]}{', changed' if git.get('dirty') else ''}"
    yield "processes", manifest.get("processes", 1)
    for file, digest in ((manifest.get("task") or {}).get("sha256") or {}).items():
        yield f"task.{file}", digest[:8]


def _differing_facts(runs: Sequence[Contender]) -> dict[str, tuple[Any, ...]]:
    """Return how the runs were made, where that differs."""
    names = dict.fromkeys(name for run in runs for name in run.made)
    values = {name: tuple(run.made.get(name) for run in runs) for name in names}
    return {name: v for name, v in values.items() if any(one != v[0] for one in v)}


def reached(run: Contender, level: float) -> Point | None:
    """Return the first evaluation at or above a success rate; None: there is none."""
    return next((point for point in run.curve if point.success >= level), None)


def at(
    curve: Sequence[Point], clock: str, moments: Sequence[float]
) -> list[float | None]:
    """Return the success of the last evaluation at each moment.

    None before the first evaluation, and after the end of the run.

    Args:
        curve: evaluations in the order of time.
        clock: "env_steps" or "updates".
        moments: in the order of time.
    """
    found: list[float | None] = []
    for moment in moments:
        before = [p for p in curve if getattr(p, clock) <= moment]
        over = bool(curve) and moment > getattr(curve[-1], clock)
        found.append(before[-1].success if before and not over else None)
    return found


def settings_differ(of: Comparison) -> Iterator[str]:
    """Warn if more than one setting differs, or none."""
    count = len(of.settings)
    if count > 1:
        yield (
            f"CONFOUNDED: {count} settings differ, so no single one explains a difference; "
            "change one at a time"
        )
    if not count and len({run.cfg.seed for run in of.runs}) == len(of.runs):
        yield "the settings are the same: what differs is the spread between seeds"
    elif not count:
        yield "settings and seed are the same: what differs is noise, or how they were made"


def updates_differ(of: Comparison) -> Iterator[str]:
    """Warn if the runs have made different numbers of updates."""
    made = [run.summary.updates or 0 for run in of.runs]
    if max(made) > _UNEQUAL * min(made):
        yield (
            f"updates differ: {', '.join(f'{n:,}' for n in made)}; compare at equal updates "
            "and at equal env steps, not at the ends"
        )


def hardware_differs(of: Comparison) -> Iterator[str]:
    """Warn if times, or the precision of products, do not compare."""
    names = [name for name in _HARDWARE if name in of.made]
    if not names:
        return
    yield f"hardware differs ({', '.join(names)}): times do not compare"
    if any(run.cfg.agent.precision == "bf16" for run in of.runs):
        yield (
            "agent.precision bf16 is computed in float32 where a processor lacks it, so the "
            "numbers may differ between these machines"
        )


def code_differs(of: Comparison) -> Iterator[str]:
    """Warn if the runs were made by different code."""
    code = [n for n in of.made if n.startswith(("versions.", "git.", "task."))]
    if code:
        listed = ", ".join(code[:4]) + (", ..." if len(code) > 4 else "")
        yield f"the code differs ({listed}): so may its numbers"


def one_seed(of: Comparison) -> Iterator[str]:
    """Warn if each configuration was trained once."""
    hashes = [run.summary.config_hash for run in of.runs]
    if of.settings and len(set(hashes)) == len(hashes):
        yield (
            "one seed each: how much seeds differ is unknown; train three or more of each "
            "(--seed)"
        )


def not_over(of: Comparison) -> Iterator[str]:
    """Warn if a run has not finished."""
    for run in of.runs:
        if run.summary.status != "done":
            reason = f" ({run.summary.ended_by})" if run.summary.ended_by else ""
            yield f"{run.summary.name} is not finished: {run.summary.status}{reason}"


_RULES = (
    settings_differ,
    updates_differ,
    hardware_differs,
    code_differs,
    one_seed,
    not_over,
)

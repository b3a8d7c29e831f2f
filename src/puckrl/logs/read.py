"""Read the runs that a path holds, whoever wrote them."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from puckrl.core.errors import UserError, first_line
from puckrl.logs import monitors
from puckrl.logs.collect import sources
from puckrl.logs.evaluations import NAME
from puckrl.logs.events import is_event_file
from puckrl.logs.facts import episodes_averaged, inferred, of_producer
from puckrl.logs.folders import is_log, is_run_of_ours, logs_in, real, runs_below
from puckrl.logs.frame import Frame
from puckrl.logs.log import RunLog, no_table, unreadable
from puckrl.logs.names import Mapped
from puckrl.logs.scalars import NAME as SCALARS
from puckrl.logs.scalars import is_scalars
from puckrl.logs.source import Source, joined
from puckrl.logs.tables import is_table, read_tables, source_of
from puckrl.logs.translate import has_goal, translated
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.hygiene import examine
from puckrl.monitor.table import Array, RunTable
from puckrl.monitor.verdict import Finding, Number

_LEGAL = (
    "a run folder, metrics.jsonl, TensorBoard event files, SB3's progress.csv, monitor.csv "
    "or evaluations.npz, JSON lines, or a table (.csv)"
)
_HALF_WRITTEN = (AttributeError, StopIteration, TypeError, ValueError)
"""What reading a half-written file may raise."""


def read_logs(path: Path, mapping: Mapped | None = None) -> list[RunLog]:
    """Return the runs at a path: one for a file or a run's folder, many above those.

    Args:
        path: a file or a folder.
        mapping: other libraries' names of signals -> ours; wins over the known ones.

    Raises:
        UserError: if there is nothing that can be read.
    """
    names = mapping or {}
    if path.is_file():
        return _file(path, names)
    if not path.is_dir():
        raise UserError(f"no log at {path}; puckrl reads: {_LEGAL}")
    if logs_in(path) or is_run_of_ours(path):
        return [_folder(path, names)]
    runs = runs_below(path)
    if not runs:
        raise UserError(f"nothing to read in {path}; puckrl reads: {_LEGAL}")
    return [log for run in runs for log in read_or_excuse(run, names)]


def read_or_excuse(path: Path, mapping: Mapped) -> list[RunLog]:
    """Return the runs at a path, or one that only says why it cannot be read."""
    try:
        return read_logs(path, mapping)
    except (UserError, OSError) as error:
        finding = unreadable(str(error))
        return [RunLog(_name(path), path, (), no_table(), (finding,))]


def log_of(
    path: Path, frame: Frame, mapping: Mapped, facts: RunFacts | None = None
) -> RunLog:
    """Return the log of a run that is still in memory, read as its file would be.

    Args:
        path: stands for the run in messages.
        frame: rows under the library's own names.
        mapping: other libraries' names of signals -> ours.
        facts: what is known of the run; what is not is inferred.
    """
    try:
        done = translated(str(path), frame, mapping)
        log = _log(path, [source_of(path, "", frame, done, "csv")])
    except UserError as error:
        log = RunLog(path.name, path, (), no_table(), (unreadable(str(error)),))
    known = {} if facts is None else _known(facts)
    return inferred(replace(log, facts=replace(log.facts, **known)))


def _known(facts: RunFacts) -> dict[str, Any]:
    """Return the facts that differ from an unknown run's."""
    unknown = dataclasses.asdict(RunFacts())
    return {n: v for n, v in dataclasses.asdict(facts).items() if v != unknown[n]}


def _name(path: Path) -> str:
    """Return the name of a run for titles: its folder's, or that of its own file."""
    own = path.is_file() and (is_log(path) or monitors.is_monitor(path))
    found = real(path.parent if own and path.parent.name else path)
    scalars = [p for p in (found, *found.parents[:3]) if p.name == SCALARS]
    return scalars[0].parent.name if scalars else found.name


def _file(path: Path, mapping: Mapped) -> list[RunLog]:
    """Return the runs in one file."""
    if path.name == "metrics.jsonl" and is_run_of_ours(path.parent):
        return [_ours(path.parent, mapping)]
    monitor = path.suffix in (".csv", ".gz") and monitors.is_monitor(path)
    if monitor or is_event_file(path) or path.name == NAME or is_scalars(path):
        return [_assembled(path, [path], mapping)]
    if not is_table(path):
        raise UserError(f"{path} is no log; puckrl reads: {_LEGAL}")
    found = read_tables(path, mapping)
    if not found:
        return [_without_rows(path)]
    return [_log(path, [source]) for source in found]


def _folder(folder: Path, mapping: Mapped) -> RunLog:
    """Return the run of a folder of logs; with its settings if it is part of ours."""
    if is_run_of_ours(folder):
        return _ours(folder, mapping)
    log = _assembled(folder, logs_in(folder), mapping)
    if not is_run_of_ours(folder.parent):
        return log
    facts, settings, _ = about_run(folder.parent)
    name = real(folder.parent).name
    return replace(log, name=name, facts=facts, settings=settings)


def _assembled(path: Path, files: Sequence[Path], mapping: Mapped) -> RunLog:
    """Return one run from all files that its libraries wrote.

    Raises:
        UserError: if nothing in them is known.
    """
    parts, failed = sources(files, mapping)
    known = [part for part in parts if len(part.columns["env_steps"])]
    if not known and failed:
        raise UserError(failed[0])
    if not parts:
        return _without_rows(path)
    if not known:
        names = sorted({name for part in parts for name in part.names})
        raise UserError(
            f"{path} holds no known signal; name some with --map THEIRS=OURS; it has: "
            f"{', '.join(names[:12])}"
        )
    if has_goal({n: v for part in known for n, v in part.columns.items()}):
        # What another file lacks is no news where one has it.
        known = [
            _without_asking(part) if not has_goal(part.columns) else part
            for part in known
        ]
    return _log(path, known, tuple(failed))


def _without_asking(part: Source) -> Source:
    """Return a source that does not ask for its success."""
    kept = tuple(f for f in part.problems if f.name != "unread success")
    return replace(part, problems=kept)


def _log(path: Path, parts: Sequence[Source], notes: tuple[str, ...] = ()) -> RunLog:
    """Return sources as the log of one run."""
    columns = joined(parts)
    producer = next((p.producer for p in parts if p.producer is not None), None)
    facts = of_producer(producer, columns)
    if "train/episodes_averaged" not in columns and has_goal(columns):
        averaged = episodes_averaged(producer, columns)
        if averaged is not None:
            columns["train/episodes_averaged"] = averaged
    counts: dict[str, int] = {}
    for part in parts:
        counts |= part.not_finite
    found = [f for part in parts for f in part.problems]
    found += examine([stream for part in parts for stream in part.streams])
    if not has_goal(columns) and not found:
        found = [unreadable(_no_goal(path, columns, parts))]
    run = parts[0].name
    name = _name(path) + (f" {run}" if run else "")
    return inferred(
        RunLog(
            name,
            path,
            tuple(dict.fromkeys(part.kind for part in parts)),
            _table(columns, counts, parts),
            tuple(found),
            tuple(sorted({n for part in parts for n in part.unmapped})),
            facts,
            names=frozenset(n for part in parts for n in part.names),
            notes=(*(n for part in parts for n in part.notes), *notes),
        )
    )


def _table(
    columns: Mapping[str, Array], counts: Mapping[str, int], parts: Sequence[Source]
) -> RunTable:
    """Return columns as a table: sorted by env steps, NaN for what is not finite."""
    finite = {
        name: values
        if np.isfinite(values).all()
        else np.where(np.isfinite(values), values, np.nan)
        for name, values in columns.items()
    }
    resumed = sorted({at for part in parts for at in part.resumed_at})
    return RunTable(finite, counts, tuple(resumed))


def _no_goal(path: Path, columns: Mapping[str, Array], parts: Sequence[Source]) -> str:
    """Return why a log without success and return cannot be judged."""
    known = ", ".join(columns)
    left = [name for part in parts for name in part.unmapped]
    others = f"; not read: {', '.join(left[:12])}" if left else ""
    return (
        f"{path} holds neither success nor return (it has {known}{others}); name one with "
        "--map NAME=eval/success"
    )


def _without_rows(path: Path) -> RunLog:
    """Return a log that has no row yet."""
    return RunLog(_name(path), path, (), no_table(), empty=True)


def _ours(folder: Path, mapping: Mapped) -> RunLog:
    """Return the run of a run folder, with its settings."""
    metrics = folder / "metrics.jsonl"
    found = read_tables(metrics, mapping) if metrics.is_file() else []
    log = _log(folder, found[:1]) if found else _without_rows(folder)
    return as_ours(folder, log)


class About(NamedTuple):
    """Hold what a run folder says of its run besides the log."""

    facts: RunFacts
    """What the doctor must know."""
    settings: dict[str, Any]
    """The whole configuration by dotted names."""
    foreign: list[Path]
    """Files that the run did not write."""


def as_ours(folder: Path, log: RunLog, about: About | None = None) -> RunLog:
    """Return the log of a run folder with what else the folder says of its run.

    Args:
        folder: a run folder of ours.
        log: its numbers.
        about: what ``about_run`` returned of the folder before; None: it is read.

    Returns:
        The log with facts, settings, and a finding if the folder holds foreign files.

    Raises:
        UserError: if configuration or manifest cannot be read.
    """
    log = replace(log, kinds=("puckrl",), name=real(folder).name)
    facts, settings, foreign = about or about_run(folder)
    problems = log.problems
    if foreign:
        names = ", ".join(sorted(p.name for p in foreign)[:3])
        finding = Finding(
            "contaminated log",
            "red",
            f"the folder holds files that this run did not write ({names})",
            "move them away, or judge metrics.jsonl alone",
            (Number("foreign files", float(len(foreign))),),
        )
        problems = (finding, *problems)
    return inferred(replace(log, problems=problems, facts=facts, settings=settings))


def about_run(folder: Path) -> About:
    """Return facts and settings of a run of ours, and files that are not its own.

    Runs no code of a task that stands in the user's file.

    Raises:
        UserError: if configuration or manifest cannot be read.
    """
    # Settings load torch: logs of other libraries are read without.
    import yaml

    from puckrl.config.facts import facts_of, flat_settings
    from puckrl.runner.foreign_files import foreign_files
    from puckrl.runner.run_folder import RunFolder

    run = RunFolder(folder)
    try:
        cfg, spaces = run.config(), run.manifest().get("spaces")
        if spaces is None and ":" in cfg.task:
            spaces = {}
        return About(facts_of(cfg, spaces), flat_settings(cfg), foreign_files(run))
    except (UserError, yaml.YAMLError, LookupError, *_HALF_WRITTEN) as error:
        raise UserError(
            f"{run.path}: config.yaml or manifest.json is broken ({first_line(error)}); "
            "move config.yaml away to judge the numbers alone"
        ) from error

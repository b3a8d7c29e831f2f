"""Read the runs that a path holds, whoever wrote them."""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from puckrl.config.facts import facts_of, flat_settings
from puckrl.core.errors import UserError, first_line
from puckrl.doctor.logs.events import is_event_file
from puckrl.doctor.logs.facts import inferred
from puckrl.doctor.logs.log import (
    RunLog,
    stream,
    unreadable,
    without_overwritten,
)
from puckrl.doctor.logs.names import ours
from puckrl.doctor.logs.source import joined, sources
from puckrl.doctor.logs.tables import read_csv, started, wandb_runs
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.hygiene import examine
from puckrl.monitor.verdict import Finding, Number
from puckrl.report.rows import read_rows
from puckrl.runner.run_folder import RunFolder, foreign_files

_LEGAL = (
    "a run folder, metrics.jsonl, TensorBoard event files, SB3's progress.csv or "
    "monitor.csv, or a W&B export (.csv)"
)
_HALF_WRITTEN = (AttributeError, StopIteration, TypeError, ValueError)
"""What reading a half-written file may raise."""


def read_logs(path: Path, mapping: Mapping[str, str] | None = None) -> list[RunLog]:
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
        raise UserError(f"no log at {path}; legal: {_LEGAL}")
    if (path / "metrics.jsonl").is_file():
        return [_ours(path, names)]
    if _logs_in(path):
        return [_folder(path, names)]
    inner = sorted(_folders_with_logs(path))
    # A run of ours keeps its event files in a subfolder: they are no run of their own.
    runs = [p for p in inner if not any(q in inner for q in p.parents)]
    if not runs:
        raise UserError(f"nothing to read in {path}; legal: {_LEGAL}")
    return [log for run in runs for log in read_or_excuse(run, names)]


def read_or_excuse(path: Path, mapping: Mapping[str, str]) -> list[RunLog]:
    """Return the runs at a path, or one that only says why it cannot be read."""
    try:
        return read_logs(path, mapping)
    except (UserError, OSError) as error:
        finding = unreadable(str(error))
        return [RunLog(path.resolve().name, path, (), (), (finding,))]


def _file(path: Path, mapping: Mapping[str, str]) -> list[RunLog]:
    """Return the runs in one file."""
    if path.name.endswith(".jsonl"):
        if path.name == "metrics.jsonl":
            return [_ours(path.parent, mapping)]
        return [_rows(path, mapping)]
    if is_event_file(path):
        return [_assemble(path, [path], mapping)]
    if path.suffix != ".csv":
        raise UserError(f"{path} is no log that puckrl reads; legal: {_LEGAL}")
    header, lines = read_csv(path)
    if started(path) is not None or "time/total_timesteps" in header:
        return [_assemble(path, [path], mapping)]
    logs = [
        inferred(RunLog(run or path.stem, path, ("wandb",), rows, (), tuple(unmapped)))
        for run, (rows, unmapped) in wandb_runs(header, lines, mapping).items()
    ]
    if not any(log.rows for log in logs):
        raise _no_clock(path, header)
    return logs


def _no_clock(path: Path, names: Iterable[str]) -> UserError:
    """Return the error for a log whose env steps are unknown."""
    shown = ", ".join([*names][:6])
    return UserError(
        f"{path} has no column of env steps; name it with --map NAME=env_steps; "
        f"it has: {shown}"
    )


def _rows(path: Path, mapping: Mapping[str, str]) -> RunLog:
    """Return the run of a JSON-lines file, without its folder."""
    lines = read_rows(path)
    names = {theirs: ours(theirs, mapping) for line in lines for theirs in line}
    translated = [
        {name: value for theirs, value in line.items() if (name := names[theirs])}
        for line in lines
    ]
    rows = [row for row in translated if np.isfinite(row.get("env_steps", np.nan))]
    if lines and not rows:
        raise _no_clock(path, names)
    return inferred(
        RunLog(
            path.parent.name,
            path,
            ("puckrl",),
            without_overwritten(rows),
            tuple(examine([stream(path.name, rows)])),
            tuple(theirs for theirs, name in names.items() if name is None),
        )
    )


def _ours(folder: Path, mapping: Mapping[str, str]) -> RunLog:
    """Return the run of a run folder, with its settings."""
    log = dataclasses.replace(
        _rows(folder / "metrics.jsonl", mapping),
        path=folder,
        name=folder.resolve().name,
    )
    if not (folder / "config.yaml").is_file():
        return log
    facts, settings, foreign = _settings(RunFolder(folder))
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
    return inferred(
        dataclasses.replace(log, problems=problems, facts=facts, settings=settings)
    )


def _settings(run: RunFolder) -> tuple[RunFacts, dict[str, Any], list[Path]]:
    """Return facts and settings of a run of ours, and files that are not its own.

    Runs no code of a task that stands in the user's file.

    Raises:
        UserError: if configuration or manifest cannot be read.
    """
    try:
        cfg, spaces = run.config(), run.manifest().get("spaces")
        if spaces is None and ":" in cfg.task:
            spaces = {}
        return facts_of(cfg, spaces), flat_settings(cfg), foreign_files(run)
    except (UserError, yaml.YAMLError, LookupError, *_HALF_WRITTEN) as error:
        raise UserError(
            f"{run.path}: config.yaml or manifest.json is broken ({first_line(error)}); "
            "move config.yaml away to judge the numbers alone"
        ) from error


def _folders_with_logs(path: Path) -> Iterator[Path]:
    """Yield the folders below ``path`` that hold logs; follow links, each folder once."""
    seen = {os.path.realpath(path)}
    for root, folders, files in os.walk(path, followlinks=True):
        if any(p.is_file() and _is_log(p) for p in (Path(root, f) for f in files)):
            yield Path(root)
        # By its own name rather than by a link's.
        here = sorted(folders, key=lambda name: (Path(root, name).is_symlink(), name))
        folders.clear()
        for name in here:
            real = os.path.realpath(Path(root, name))
            if real not in seen:
                seen.add(real)
                folders.append(name)


def _logs_in(folder: Path) -> list[Path]:
    """Return the log files of a folder."""
    return sorted(p for p in folder.iterdir() if p.is_file() and _is_log(p))


def _is_log(path: Path) -> bool:
    """Return whether a file is a log by its name."""
    monitor = path.name.endswith("monitor.csv")
    return (
        monitor or path.name in ("progress.csv", "metrics.jsonl") or is_event_file(path)
    )


def _folder(folder: Path, mapping: Mapping[str, str]) -> RunLog:
    """Return the run of a folder of logs; with its settings if it is part of ours."""
    log, run = _assemble(folder, _logs_in(folder), mapping), RunFolder(folder.parent)
    if folder.name != run.tensorboard.name or not (run.path / "config.yaml").is_file():
        return log
    facts, settings, _ = _settings(run)
    return dataclasses.replace(
        log, name=run.path.resolve().name, facts=facts, settings=settings
    )


def _assemble(path: Path, files: Sequence[Path], mapping: Mapping[str, str]) -> RunLog:
    """Return one run from all files that Stable-Baselines3 or TensorBoard wrote for it."""
    parts = sources(files, mapping)
    rows, unmapped = joined(parts), sorted({n for part in parts for n in part.unmapped})
    if not rows and not unmapped:
        raise UserError(
            f"{path} has no rows yet; try again when it has logged something"
        )
    if not rows:
        raise UserError(
            f"{path} holds no known signal; name some with --map THEIRS=OURS; it has: "
            f"{', '.join(unmapped[:6])}"
        )
    contaminations = examine([stream for part in parts for stream in part.streams])
    return inferred(
        RunLog(
            path.resolve().name,
            path,
            tuple(part.kind for part in parts),
            rows,
            (*(found for part in parts for found in part.problems), *contaminations),
            tuple(unmapped),
        )
    )

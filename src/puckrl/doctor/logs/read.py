"""Any path -> the runs that it holds."""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from puckrl.config.facts import facts_of, flat_settings
from puckrl.core.errors import UserError, first_line
from puckrl.doctor.logs.events import EventFile, is_event_file, read_events
from puckrl.doctor.logs.facts import inferred
from puckrl.doctor.logs.log import (
    Kind,
    RunLog,
    merged,
    stream,
    unreadable,
    without_overwritten,
)
from puckrl.doctor.logs.names import ours
from puckrl.doctor.logs.tables import (
    later_runs,
    monitor_goes_back,
    monitor_rows,
    read_csv,
    renamed,
    started,
    wandb_runs,
)
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.hygiene import Stream, examine
from puckrl.monitor.verdict import Finding, Number
from puckrl.report.rows import read_rows
from puckrl.runner.run_folder import RunFolder, foreign_files
from puckrl.training.sinks import LogRow

_LEGAL = (
    "a run folder, metrics.jsonl, TensorBoard event files, SB3's progress.csv or "
    "monitor.csv, or a W&B export (.csv)"
)


_TORN = (AttributeError, StopIteration, TypeError, ValueError)  # of a half-written file


def read_logs(path: Path, mapping: Mapping[str, str] | None = None) -> list[RunLog]:
    """The runs at a path: one for a file or a run's folder, many for a folder of those.

    Args:
        path: a file or a folder.
        mapping: other people's names of signals to ours, before the known ones.

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
    # A run of ours holds its event files one floor down: they are no run of their own.
    runs = [p for p in inner if not any(q in inner for q in p.parents)]
    if not runs:
        raise UserError(f"nothing to read in {path}; legal: {_LEGAL}")
    return [log for run in runs for log in read_or_excuse(run, names)]


def read_or_excuse(path: Path, mapping: Mapping[str, str]) -> list[RunLog]:
    """The runs at a path, or one that only says why it cannot be read."""
    try:
        return read_logs(path, mapping)
    except (UserError, OSError) as error:
        finding = unreadable(str(error))
        return [RunLog(path.resolve().name, path, (), (), (finding,))]


def _file(path: Path, mapping: Mapping[str, str]) -> list[RunLog]:
    if path.name.endswith(".jsonl"):
        if path.name == "metrics.jsonl":
            return [_ours(path.parent, mapping)]
        return [_rows(path, mapping)]
    if is_event_file(path):
        return [_assemble(path, [path], mapping)]
    if path.suffix != ".csv":
        raise UserError(f"{path} is not readable; legal: {_LEGAL}")
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
    shown = ", ".join([*names][:6])
    return UserError(
        f"{path} has no column of env steps; say which with --map NAME=env_steps; "
        f"it has: {shown}"
    )


def _rows(path: Path, mapping: Mapping[str, str]) -> RunLog:
    """A metrics.jsonl by itself."""
    lines = read_rows(path)
    names = {theirs: ours(theirs, mapping) for line in lines for theirs in line}
    renamed = [
        {name: value for theirs, value in line.items() if (name := names[theirs])}
        for line in lines
    ]
    rows = [row for row in renamed if np.isfinite(row.get("env_steps", np.nan))]
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
    """A run folder, with what it says of itself."""
    log = dataclasses.replace(
        _rows(folder / "metrics.jsonl", mapping),
        path=folder,
        name=folder.resolve().name,
    )
    if not (folder / "config.yaml").is_file():
        return log
    facts, settings, strange = _told(RunFolder(folder))
    problems = log.problems
    if strange:
        names = ", ".join(sorted(p.name for p in strange)[:3])
        finding = Finding(
            "contaminated log",
            "red",
            f"the folder holds files that this run did not write ({names})",
            "move them away; metrics.jsonl by itself can be judged",
            (Number("foreign files", float(len(strange))),),
        )
        problems = (finding, *problems)
    return inferred(
        dataclasses.replace(log, problems=problems, facts=facts, settings=settings)
    )


def _told(run: RunFolder) -> tuple[RunFacts, dict[str, Any], list[Path]]:
    """Facts and settings of a run of ours, and files that are not its own.

    A task in a file of the user's is not run for it.

    Raises:
        UserError: if configuration or manifest cannot be read.
    """
    try:
        cfg, spaces = run.config(), run.manifest().get("spaces")
        if spaces is None and ":" in cfg.task:
            spaces = {}
        return facts_of(cfg, spaces), flat_settings(cfg), foreign_files(run)
    except (UserError, yaml.YAMLError, LookupError, *_TORN) as error:
        raise UserError(
            f"{run.path}: config.yaml or manifest.json is broken ({first_line(error)}); "
            "move config.yaml away to judge the numbers alone"
        ) from error


def _folders_with_logs(path: Path) -> Iterator[Path]:
    """Below ``path``; links to folders are followed, each folder once."""
    seen = {os.path.realpath(path)}
    for root, folders, files in os.walk(path, followlinks=True):
        if any(p.is_file() and _is_log(p) for p in (Path(root, f) for f in files)):
            yield Path(root)
        # by its own name rather than by a link's
        here = sorted(folders, key=lambda name: (Path(root, name).is_symlink(), name))
        folders.clear()
        for name in here:
            real = os.path.realpath(Path(root, name))
            if real not in seen:
                seen.add(real)
                folders.append(name)


def _logs_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and _is_log(p))


def _is_log(path: Path) -> bool:
    monitor = path.name.endswith("monitor.csv")
    return (
        monitor or path.name in ("progress.csv", "metrics.jsonl") or is_event_file(path)
    )


def _folder(folder: Path, mapping: Mapping[str, str]) -> RunLog:
    """The logs of one folder; of the event files in a run of ours, with what it says."""
    log, run = _assemble(folder, _logs_in(folder), mapping), RunFolder(folder.parent)
    if folder.name != run.tensorboard.name or not (run.path / "config.yaml").is_file():
        return log
    facts, settings, _ = _told(run)
    return dataclasses.replace(
        log, name=run.path.resolve().name, facts=facts, settings=settings
    )


def _assemble(path: Path, files: list[Path], mapping: Mapping[str, str]) -> RunLog:
    """One run from all the files that Stable-Baselines3 or TensorBoard wrote for it.

    Event files know the time best, progress.csv the updates; monitor files count only
    for what neither has.
    """
    parts: list[list[LogRow]] = []
    streams: list[Stream] = []
    kinds: list[Kind] = []
    unmapped: set[str] = set()
    problems: list[Finding] = []
    monitors = [p for p in files if p.name.endswith("monitor.csv") or _csv_monitor(p)]
    if monitors:
        parts.append(monitor_rows(monitors))
        kinds.append("sb3 monitor")
        problems += _several(monitors)
    for file in (p for p in files if p.suffix == ".csv" and p not in monitors):
        header, lines = read_csv(file)
        rows, strange = renamed(header, lines, mapping)
        streams.append(stream(file.name, rows))
        parts.append(without_overwritten(rows))
        kinds.append("sb3 csv")
        unmapped |= set(strange)
    events = [read_events(p, mapping) for p in files if is_event_file(p)]
    if events:
        parts.append(_in_time(events))
        kinds.append("tensorboard")
        streams += [event.stream for event in events]
        unmapped |= {tag for event in events for tag in event.unmapped}
    problems += examine(streams)
    rows = _one_success(parts, kinds)
    if not rows and not unmapped:
        raise UserError(
            f"{path} has no rows yet; judge it when it has logged something"
        )
    if not rows:
        listed = ", ".join(sorted(unmapped)[:6])
        raise UserError(
            f"{path} holds no signal that is known; use --map; its names: {listed}"
        )
    log = RunLog(
        path.resolve().name,
        path,
        tuple(kinds),
        rows,
        tuple(problems),
        tuple(sorted(unmapped)),
    )
    return inferred(log)


def _csv_monitor(path: Path) -> bool:
    return path.suffix == ".csv" and started(path) is not None


def _in_time(events: list[EventFile]) -> list[LogRow]:
    """Rows of all event files, the later writer's where they overlap; seconds from 0."""
    ordered = sorted((e for e in events if e.rows), key=lambda e: e.rows[0]["wall_s"])
    if not ordered:
        return []
    zero = ordered[0].rows[0]["wall_s"]
    rows: list[LogRow] = []
    for event in ordered:
        void = event.stream.purged_from
        begin = min(row["env_steps"] for row in event.rows) if void is None else void
        rows = [row for row in rows if row["env_steps"] < begin] + event.rows
    return [row | {"wall_s": row["wall_s"] - zero} for row in rows]


def _one_success(parts: list[list[LogRow]], kinds: list[Kind]) -> list[LogRow]:
    """Monitor files repeat what the others have averaged: one of them is enough."""
    others = [row for part in parts[1:] for row in part]
    if "sb3 monitor" in kinds and others:
        have = {name for row in others for name in row} - {"env_steps"}
        lean = [{k: v for k, v in row.items() if k not in have} for row in parts[0]]
        return merged([lean, *parts[1:]])
    return merged(parts)


def _several(monitors: list[Path]) -> list[Finding]:
    """Monitor files of more than one run: appended to one another, or side by side."""
    name, advice = "contaminated log", "separate the runs; each wants its own folder"
    if bad := [p for p in monitors if monitor_goes_back(p)]:
        text = f"more than one run was appended to {bad[0].name}"
        number = Number("monitor files whose time goes back", float(len(bad)))
        advice = "separate the runs; Monitor(override_existing=True) starts a file anew"
        return [Finding(name, "red", text, advice, (number,))]
    if later := later_runs(monitors):
        text = f"{later[0].name} begins afresh after the others had ended: another run"
        number = Number("runs by their times", float(len(later) + 1))
        return [Finding(name, "red", text, advice, (number,))]
    return []

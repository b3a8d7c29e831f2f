"""Read each format of one run as a ``Source``, and join the sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from puckrl.doctor.logs.events import EventFile, is_event_file, read_events
from puckrl.doctor.logs.log import Kind, merged, stream, without_overwritten
from puckrl.doctor.logs.tables import (
    later_runs,
    monitor_goes_back,
    monitor_rows,
    read_csv,
    renamed,
    started,
)
from puckrl.monitor.hygiene import Stream
from puckrl.monitor.verdict import Finding, Number
from puckrl.training.sinks import LogRow


@dataclass(frozen=True)
class Source:
    """Hold what one format says of a run."""

    kind: Kind
    """The format."""
    rows: Sequence[LogRow]
    """Rows under our names, overwritten ones left out."""
    streams: tuple[Stream, ...] = ()
    """The clocks of its files, for the contamination check."""
    problems: tuple[Finding, ...] = ()
    """What only this format can tell of its files."""
    unmapped: frozenset[str] = frozenset()
    """Signals that have no name of ours."""


def sources(files: Sequence[Path], mapping: Mapping[str, str]) -> list[Source]:
    """Return what Stable-Baselines3 and TensorBoard wrote for one run.

    Args:
        files: all of the run; other formats are skipped.
        mapping: other libraries' names of signals -> ours.

    Returns:
        The least trusted first: monitor files, then progress.csv, which knows the
        updates, then event files, which know the time best.
    """
    monitors = [p for p in files if p.name.endswith("monitor.csv") or _is_monitor(p)]
    tables = [p for p in files if p.suffix == ".csv" and p not in monitors]
    events = [p for p in files if is_event_file(p)]
    return [
        *([_of_monitors(monitors)] if monitors else []),
        *(_of_progress(path, mapping) for path in tables),
        *([_of_events(events, mapping)] if events else []),
    ]


def joined(parts: Sequence[Source]) -> list[LogRow]:
    """Return one row per step; of two values the later source's counts.

    Monitor files repeat what the others have averaged: they add only signals that no
    other source has.
    """
    others = [row for part in parts if part.kind != "sb3 monitor" for row in part.rows]
    known = {name for row in others for name in row} - {"env_steps"}
    return merged(
        [{k: v for k, v in row.items() if k not in known} for row in part.rows]
        if part.kind == "sb3 monitor"
        else part.rows
        for part in parts
    )


def _is_monitor(path: Path) -> bool:
    """Return whether a CSV file is a monitor's by its first line."""
    return path.suffix == ".csv" and started(path) is not None


def _of_monitors(paths: Sequence[Path]) -> Source:
    """Return the episodes of one run's monitor files."""
    return Source("sb3 monitor", monitor_rows(paths), problems=_several(paths))


def _of_progress(path: Path, mapping: Mapping[str, str]) -> Source:
    """Return the rows of a progress.csv."""
    rows, unmapped = renamed(*read_csv(path), mapping)
    return Source(
        "sb3 csv",
        without_overwritten(rows),
        (stream(path.name, rows),),
        unmapped=frozenset(unmapped),
    )


def _of_events(paths: Sequence[Path], mapping: Mapping[str, str]) -> Source:
    """Return the scalars of one run's event files."""
    events = [read_events(path, mapping) for path in paths]
    return Source(
        "tensorboard",
        _in_time(events),
        tuple(event.stream for event in events),
        unmapped=frozenset(tag for event in events for tag in event.unmapped),
    )


def _in_time(events: Sequence[EventFile]) -> list[LogRow]:
    """Return the rows of all event files, seconds from 0; of overlaps the later file's."""
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


def _several(monitors: Sequence[Path]) -> tuple[Finding, ...]:
    """Return whether monitor files hold several runs: appended, or side by side."""
    name, advice = "contaminated log", "separate the runs: give each its own folder"
    if bad := [p for p in monitors if monitor_goes_back(p)]:
        text = f"more than one run was appended to {bad[0].name}"
        number = Number("monitor files whose time goes back", float(len(bad)))
        advice = "separate the runs; Monitor(override_existing=True) starts a new file"
        return (Finding(name, "red", text, advice, (number,)),)
    if later := later_runs(monitors):
        text = f"{later[0].name} begins after the others had ended: another run"
        number = Number("runs by their times", float(len(later) + 1))
        return (Finding(name, "red", text, advice, (number,)),)
    return ()

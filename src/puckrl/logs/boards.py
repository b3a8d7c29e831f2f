"""Read the event files of one run as a source: one row a step, in the order of time."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from puckrl.logs.clocks import GOALS, Clock, mixed_clocks, parted, placed
from puckrl.logs.events import EventFile, Tag, read_events
from puckrl.logs.frame import Frame
from puckrl.logs.known import recognize
from puckrl.logs.names import Mapped, Renaming, ours, wanted
from puckrl.logs.producers import Producer
from puckrl.logs.source import Source
from puckrl.logs.translate import translated
from puckrl.monitor.hygiene import Stream
from puckrl.monitor.verdict import Finding


def read_boards(paths: Sequence[Path], mapping: Mapped) -> list[Source]:
    """Return the scalars of one run's event files."""
    files = [read_events(p, lambda name: wanted(name, mapping)) for p in paths]
    names = frozenset(name for file in files for name in file.names)
    producer = recognize(names)
    goals = frozenset(n for n in names if ours(n, mapping, producer) in GOALS)
    said, scaled = mapping.get("step"), False
    kept: list[EventFile] = []
    problems: dict[str, Finding] = {}
    for file in files:
        here = {
            tag: scalars
            for tag, scalars in file.tags.items()
            if producer is None or not producer.elsewhere(tag) or tag in mapping
        }
        mixed = parted(here, goals)
        if said is not None and said.scale != 1 and mixed.others:
            mixed = placed(mixed, said.scale)
            scaled = True
        if (found := mixed_clocks(mixed)) is not None:
            problems.setdefault(found.reason, found)
        kept.append(replace(file, tags=mixed.tags))
    frame, resumed = _in_time(kept)
    if not frame.rows:
        return [] if not names else [_nothing_known(names)]
    clock = Clock("step", producer.step if producer else "env steps", said is not None)
    plain = Renaming("env_steps")
    whole = dict(mapping) | {"step": plain if said is None or scaled else said}
    done = translated(
        paths[0].parent.name or str(paths[0]),
        replace(frame, names=names | {"step"}),
        whole,
        step=clock,
    )
    doubts = done.problems if not problems else ()  # what is left out is said already
    return [
        Source(
            "tensorboard",
            done.columns,
            done.not_finite,
            streams=tuple(_stream(file, mapping, producer) for file in kept),
            problems=(*problems.values(), *doubts),
            unmapped=tuple(n for n in done.unmapped if n != "step"),
            notes=done.notes,
            names=names | {"step"},
            producer=producer,
            resumed_at=resumed,
        )
    ]


def _nothing_known(names: frozenset[str]) -> Source:
    """Return an event file of which no tag is known."""
    return Source(
        "tensorboard",
        {"env_steps": np.empty(0)},
        {},
        unmapped=tuple(sorted(names)),
        names=names,
    )


def _stream(file: EventFile, mapping: Mapped, producer: Producer | None) -> Stream:
    """Return the clocks of an event file, by our names."""
    known = {ours(tag, mapping, producer): t for tag, t in file.tags.items()}
    known.pop(None, None)
    return Stream(
        file.name,
        {str(name): tag.steps for name, tag in known.items()},
        {str(name): tag.wall_s for name, tag in known.items()},
        file.purged_from,
    )


def _in_time(files: Sequence[EventFile]) -> tuple[Frame, tuple[float, ...]]:
    """Return all event files as one frame, and where a later file goes on.

    Seconds count from 0. Where files overlap, the later one's values of a tag count; a
    writer that purges voids the earlier values of all tags. A row is one step.
    """
    ordered = sorted((f for f in files if f.tags), key=lambda f: f.begun)
    kept: list[dict[str, Tag]] = []
    resumed: list[float] = []
    for file in ordered:
        again = {n for tags in kept for n in tags} & set(file.tags)
        if again:
            void = min(float(file.tags[n].steps.min()) for n in again)
            if file.purged_from is not None:
                void, again = file.purged_from, {n for tags in kept for n in tags}
            resumed.append(void)
            kept = [
                {
                    n: t.where(t.steps < void) if n in again else t
                    for n, t in tags.items()
                }
                for tags in kept
            ]
        kept.append(dict(file.tags))
    pairs = [(n, t) for tags in kept for n, t in tags.items() if len(t.steps)]
    if not pairs:
        return Frame({}), ()
    steps = np.unique(np.concatenate([t.steps for _, t in pairs]))
    columns = {"step": steps, "wall_s": np.full(len(steps), np.nan)}
    bad: dict[str, int] = {}
    for name, tag in pairs:
        at = np.searchsorted(steps, tag.steps)
        columns.setdefault(name, np.full(len(steps), np.nan))[at] = tag.values
        columns["wall_s"][at] = tag.wall_s - ordered[0].begun
        if count := int((~np.isfinite(tag.values)).sum()):
            bad[name] = bad.get(name, 0) + count
    return Frame(columns, bad, rows=len(steps)), tuple(resumed)

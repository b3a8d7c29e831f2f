"""Read TensorBoard event files as rows, by TensorBoard's own loader."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from puckrl.core.errors import UserError
from puckrl.doctor.logs.names import ours
from puckrl.monitor.hygiene import Stream
from puckrl.training.sinks import LogRow


@dataclass(frozen=True)
class EventFile:
    """Hold the scalars of one event file."""

    rows: list[LogRow]
    """One row per step, wall_s in seconds since the epoch."""
    stream: Stream
    """Its clocks, by our names, in the order of writing."""
    unmapped: set[str]
    """Tags without a name of ours."""


def is_event_file(path: Path) -> bool:
    """Return whether TensorBoard would read it."""
    return ".tfevents." in path.name


def read_events(path: Path, mapping: Mapping[str, str]) -> EventFile:
    """Return all scalars of one event file.

    A file may end in the middle of a record while its writer lives: the complete
    records count.

    Raises:
        UserError: if it is no event file.
    """
    rows: dict[int, LogRow] = defaultdict(dict)
    steps: dict[str, list[float]] = defaultdict(list)
    walls: dict[str, list[float]] = defaultdict(list)
    unmapped: set[str] = set()
    purged: float | None = None
    for event in _events(path):
        if event.HasField("session_log"):
            purged = float(event.step) if event.session_log.status == 1 else purged
        for tag, value in _scalars(event):
            name = ours(tag, mapping)
            if name is None:
                unmapped.add(tag)
                continue
            steps[name].append(float(event.step))
            walls[name].append(float(event.wall_time))
            rows[event.step] |= {
                "env_steps": float(event.step),
                "wall_s": float(event.wall_time),
                name: value,
            }
    clocks = Stream(
        path.name,
        {name: np.array(values) for name, values in steps.items()},
        {name: np.array(values) for name, values in walls.items()},
        purged,
    )
    return EventFile(list(rows.values()), clocks, unmapped)


def _events(path: Path) -> Iterator[Any]:
    """Yield the events of a file; the loader leaves out a broken end."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    if not path.stat().st_size:
        return
    seen = False
    for event in EventFileLoader(str(path)).Load():
        seen = True
        yield event
    if not seen:
        raise UserError(f"{path} is no event file, or its first record is broken")


def _scalars(event: Any) -> Iterator[tuple[str, float]]:
    """Yield tags and values; the loader has turned old-style scalars into tensors."""
    from tensorboard.util.tensor_util import make_ndarray

    for value in event.summary.value:
        if value.metadata.plugin_data.plugin_name == "scalars":
            yield value.tag, float(make_ndarray(value.tensor).item())

"""Read TensorBoard event files by columns.

A file is a sequence of records: length (8 bytes, little endian), its checksum (4), an
``Event`` as a protocol buffer, its checksum (4). Only the frame is read here, messages by
TensorBoard's own classes: TensorBoard's loader converts each scalar to a tensor and back,
which takes 25 times as long.
"""

import struct
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from puckrl.core.errors import UserError
from puckrl.monitor.table import Array

_HEAD = struct.Struct("<QI")
_RECORD = 1 << 26  # bytes of the largest record; images are below
_READ = 1 << 22
_SESSION_START = 1


@dataclass(frozen=True)
class Tag:
    """Hold one tag's scalars in the order of writing."""

    steps: Array
    """Its clock, (n,)."""
    values: Array
    """Its values, (n,)."""
    wall_s: Array
    """When they were written, seconds since the epoch, (n,)."""
    place: NDArray[np.int64]
    """Position in the file, counted in events, (n,)."""

    def where(self, chosen: NDArray[np.bool_]) -> "Tag":
        """Return some of its scalars."""
        return Tag(
            self.steps[chosen],
            self.values[chosen],
            self.wall_s[chosen],
            self.place[chosen],
        )


@dataclass(frozen=True)
class EventFile:
    """Hold the scalars of one event file."""

    name: str
    """Name of the file."""
    tags: Mapping[str, Tag]
    """Wanted scalars, by the writer's names."""
    names: frozenset[str]
    """All names of scalars."""
    purged_from: float | None = None
    """Step from which on its writer declared earlier values void: a resume."""

    @property
    def begun(self) -> float:
        """Return when its first scalar was written, inf without any."""
        return min((float(t.wall_s[0]) for t in self.tags.values()), default=np.inf)


@dataclass
class _Raw:
    """Collect one tag."""

    steps: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    walls: "array[float]" = field(default_factory=lambda: array("d"))
    place: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, step: int, value: float, wall_s: float, place: int) -> None:
        """Add a scalar."""
        self.steps.append(step)
        self.values.append(value)
        self.walls.append(wall_s)
        self.place.append(place)

    def done(self) -> Tag:
        """Return the tag."""
        steps, values, walls = (
            np.array(a, dtype=np.float64) for a in (self.steps, self.values, self.walls)
        )
        return Tag(steps, values, walls, np.array(self.place, dtype=np.int64))


def is_event_file(path: Path) -> bool:
    """Return whether TensorBoard would read it."""
    return ".tfevents." in path.name


def read_events(path: Path, wanted: Callable[[str], bool]) -> EventFile:
    """Return the wanted scalars of one event file.

    A file may end in the middle of a record while its writer lives: the complete
    records count.

    Raises:
        UserError: if it is no event file.
    """
    raw: dict[str, _Raw | None] = {}
    scalars: set[str] = set()
    purged: float | None = None
    for place, event in enumerate(_events(path)):
        if not event.summary.value:
            if event.session_log.status == _SESSION_START:
                purged = float(event.step)
            continue
        for value in event.summary.value:
            tag, number = value.tag, value.simple_value
            if not number and (number := _scalar(value, scalars)) is None:
                continue
            if tag not in raw:
                raw[tag] = _Raw() if wanted(tag) else None
            if (one := raw[tag]) is not None:
                one.add(event.step, number, event.wall_time, place)
    tags = {tag: one.done() for tag, one in raw.items() if one is not None}
    return EventFile(path.name, tags, frozenset(raw), purged)


def _events(path: Path) -> Iterator[Any]:
    """Yield the events of a file up to a broken or half-written record."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import (
        Event,  # pyright: ignore[reportAttributeAccessIssue]
    )

    seen, parse = not path.stat().st_size, Event.FromString
    try:
        for record in _records(path):
            yield parse(record)
            seen = True
    except DecodeError:
        pass
    if not seen:
        raise UserError(f"{path} is no event file, or its first record is broken")


def _records(path: Path) -> Iterator[bytes]:
    """Yield the complete records of a file."""
    try:
        with path.open("rb") as file:
            data, at = file.read(_READ), 0
            while True:
                if len(data) - at < _HEAD.size:
                    data, at = data[at:] + file.read(_READ), 0
                    if len(data) < _HEAD.size:
                        return
                begin = at + _HEAD.size
                length = _HEAD.unpack_from(data, at)[0]
                if length > _RECORD:
                    return
                if len(data) < begin + length + 4:
                    data = data[at:] + file.read(max(_READ, length))
                    at, begin = 0, _HEAD.size
                    if len(data) < begin + length + 4:
                        return
                yield data[begin : begin + length]
                at = begin + length + 4
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _scalar(value: Any, scalars: set[str]) -> float | None:
    """Return a summary's number, None if it holds something else.

    Args:
        value: the summary; its first one of a tag says what the tensors of the tag are.
        scalars: tags whose tensors are numbers; grows.
    """
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if value.metadata.plugin_data.plugin_name == "scalars":
        scalars.add(value.tag)
    if not value.HasField("tensor") or value.tag not in scalars:
        return None
    from tensorboard.util.tensor_util import make_ndarray

    return float(make_ndarray(value.tensor).item())

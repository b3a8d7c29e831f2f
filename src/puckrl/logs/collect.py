"""Collect what libraries wrote for one run, file by file."""

from collections.abc import Callable, Sequence
from pathlib import Path

from puckrl.core.errors import UserError
from puckrl.logs import monitors
from puckrl.logs.boards import read_boards
from puckrl.logs.evaluations import NAME, read_evaluations
from puckrl.logs.events import is_event_file
from puckrl.logs.known import SB3
from puckrl.logs.log import stream, without_overwritten
from puckrl.logs.names import Mapped
from puckrl.logs.scalars import is_scalars, read_scalars
from puckrl.logs.source import Source
from puckrl.logs.tables import read_tables


def sources(files: Sequence[Path], mapping: Mapped) -> tuple[list[Source], list[str]]:
    """Return what libraries wrote for one run, and why some files are left out.

    Args:
        files: all of the run.
        mapping: other libraries' names of signals -> ours.

    Returns:
        The least trusted first: monitor files, then tables, which know the updates, then
        event files, which know the time best, then evaluations episode by episode.
    """
    worlds = [p for p in files if monitors.is_monitor(p)]
    events = [p for p in files if is_event_file(p)]
    scalars = [p for p in files if is_scalars(p)]
    rest = [p for p in files if p not in (*worlds, *events, *scalars)]
    found: list[Source] = []
    failed: list[str] = []

    def add(read: Callable[[], Sequence[Source]]) -> None:
        try:
            found.extend(read())
        except UserError as error:
            failed.append(str(error))

    if worlds:
        add(lambda: _of_monitors(worlds))
    if scalars:
        add(lambda: read_scalars(scalars, mapping))
    for path in rest:
        if path.name != NAME:
            add(lambda path=path: read_tables(path, mapping))
    if events:
        add(lambda: read_boards(events, mapping))
    for path in rest:
        if path.name == NAME:
            add(lambda path=path: _of_evaluations(path))
    return found, failed


def _of_monitors(paths: Sequence[Path]) -> list[Source]:
    """Return the episodes of one run's monitor files."""
    worlds = [monitors.read_monitor(path) for path in paths]
    bad = monitors.contaminations(worlds)
    columns, resumed = monitors.columns(worlds)
    if not len(columns["env_steps"]):
        return []
    return [
        Source(
            "sb3 monitor",
            columns,
            {},
            problems=bad or monitors.resumed(worlds),
            producer=SB3,
            resumed_at=resumed,
        )
    ]


def _of_evaluations(path: Path) -> list[Source]:
    """Return Stable-Baselines3's evaluations."""
    columns = read_evaluations(path)
    if not len(columns["env_steps"]):
        return []
    clock = stream(path.name, columns)
    kept, resumed = without_overwritten(columns)
    return [
        Source(
            "sb3 evaluations",
            kept,
            {},
            streams=(clock,),
            producer=SB3,
            resumed_at=resumed,
        )
    ]

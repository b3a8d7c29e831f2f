"""Read folders with a file for each tag, without headers: torchrl's and d3rlpy's.

torchrl's ``exp/scalars/eval_reward.csv`` holds a step and a value in each line; "/" in a tag
is a folder, or has become "_". d3rlpy's ``SAC_2024/environment.csv``, beside
``params.json``, holds an epoch, a step and a value.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from puckrl.core.errors import UserError
from puckrl.logs.delimited import read_table
from puckrl.logs.frame import Frame
from puckrl.logs.log import stream
from puckrl.logs.names import Mapped
from puckrl.logs.source import Source
from puckrl.logs.text import head
from puckrl.logs.translate import translated
from puckrl.monitor.table import Array

NAME = "scalars"
"""Name of torchrl's folder."""
_PARAMS = "params.json"  # in a folder of d3rlpy's
_HEADERS = {2: ("step", "value"), 3: ("epoch", "step", "value")}
_GROUPS = 4  # folders of groups, the tags' own included


def is_scalars(path: Path) -> bool:
    """Return whether a file is the values of one tag."""
    if path.suffix != ".csv":
        return False
    of_torchrl = NAME in (p.name for p in path.parents[:_GROUPS])
    if not of_torchrl and not (path.parent / _PARAMS).is_file():
        return False
    try:
        return _numbers_a_line(path) == (2 if of_torchrl else 3)
    except UserError:  # no text at all
        return False


def read_scalars(paths: Sequence[Path], mapping: Mapped) -> list[Source]:
    """Return the run of a folder as a source, one row a step.

    Args:
        paths: the files of its tags.
        mapping: the --map option, which may name a tag as its file does.
    """
    tags = {_tag(path, mapping): _values(path) for path in paths}
    steps = np.unique(np.concatenate([step for step, _ in tags.values()]))
    columns = {"step": steps}
    bad: dict[str, int] = {}
    for tag, (step, values) in tags.items():
        columns[tag] = np.full(len(steps), np.nan)
        columns[tag][np.searchsorted(steps, step)] = values
        if count := int((~np.isfinite(values)).sum()):
            bad[tag] = count
    frame = Frame(columns, bad, names=frozenset(columns), rows=len(steps))
    folder = _folder(paths[0])
    done = translated(str(folder), frame, mapping)
    return [
        Source(
            "csv",
            done.columns,
            done.not_finite,
            streams=(stream(folder.name, done.columns),),
            problems=done.problems,
            unmapped=done.unmapped,
            names=frame.names,
            notes=done.notes,
            producer=done.producer,
        )
    ]


def _numbers_a_line(path: Path) -> int:
    """Return how many numbers the first line holds; 0 if something else is in it."""
    first = head(path).partition("\n")[0].split(",")
    try:
        return len([float(cell) for cell in first])
    except ValueError:
        return 0


def _folder(path: Path) -> Path:
    """Return the folder of a file's run."""
    return next((p for p in path.parents if p.name == NAME), path.parent)


def _tag(path: Path, mapping: Mapped) -> str:
    """Return a file's tag, with the "/" of its group."""
    stem = path.stem
    folder = _folder(path)
    if path.parent != folder:
        return path.relative_to(folder).with_suffix("").as_posix()
    group, _, name = stem.partition("_")
    known = group in ("train", "eval") and stem not in mapping
    return f"{group}/{name}" if known else stem


def _values(path: Path) -> tuple[Array, Array]:
    """Return the steps and values of a file; of two values at a step the later counts."""
    header = _HEADERS[_numbers_a_line(path)]
    frame = read_table(path, lambda _: True, header=header)
    step, value = frame.columns["step"], frame.columns["value"]
    known = np.isfinite(step)
    return step[known], value[known]

"""Read the scalars of torchrl's CSV logger: a folder with a file for each tag.

``exp/scalars/eval_reward.csv`` holds a step and a value in each line, without a header;
"/" in a tag is a folder, or has become "_".
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
"""Name of its folder."""
_GROUPS = 4  # folders of groups, the tags' own included


def is_scalars(path: Path) -> bool:
    """Return whether a file is the values of one tag."""
    if path.suffix != ".csv" or NAME not in (p.name for p in path.parents[:_GROUPS]):
        return False
    try:
        return _has_no_header(head(path))
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
    folder = next(p for p in paths[0].parents if p.name == NAME)
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


def _has_no_header(text: str) -> bool:
    first = text.partition("\n")[0].split(",")
    try:
        return len([float(cell) for cell in first]) == 2
    except ValueError:
        return False


def _tag(path: Path, mapping: Mapped) -> str:
    """Return a file's tag, with the "/" of its group."""
    stem = path.stem
    folder = next(p for p in path.parents if p.name == NAME)
    if path.parent != folder:
        return path.relative_to(folder).with_suffix("").as_posix()
    group, _, name = stem.partition("_")
    known = group in ("train", "eval") and stem not in mapping
    return f"{group}/{name}" if known else stem


def _values(path: Path) -> tuple[Array, Array]:
    """Return the steps and values of a file; of two values at a step the later counts."""
    frame = read_table(path, lambda _: True, header=("step", "value"))
    step, value = frame.columns["step"], frame.columns["value"]
    known = np.isfinite(step)
    return step[known], value[known]

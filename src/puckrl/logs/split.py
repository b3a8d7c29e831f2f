"""Split a table that holds several runs, side by side or below one another."""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from puckrl.logs.frame import Frame
from puckrl.logs.names import Mapped, meaning

_RUN = frozenset(
    (
        "seed", "run", "run_id", "run_name", "runid", "env", "env_id", "env_name",
        "environment", "task", "task_name", "task_id", "model", "model_id", "model_name",
        "algo", "algorithm", "method", "agent", "variant", "trial", "trial_id",
        "experiment", "experiment_id", "exp", "exp_id", "exp_name", "name", "id", "group",
        "config", "policy", "job", "job_id",
    )
)  # fmt: skip
"""Names of columns that tell runs apart."""
_ROWS = 2  # rows of the shortest run, on average


def tells_runs(name: str) -> bool:
    """Return whether a column tells runs apart by its name.

    >>> tells_runs("Seed"), tells_runs("config/seed"), tells_runs("step")
    (True, True, False)
    """
    return re.sub(r"[\s\-.]+", "_", name.rpartition("/")[2].lower()) in _RUN


def runs_in(frame: Frame, mapping: Mapped) -> list[tuple[str, Frame]]:
    """Return the runs of a table with their names; one without a name if it is one run.

    Runs stand side by side where columns are called "run - metric" (charts of W&B) or
    "run/metric", and below one another where a column such as ``seed`` tells them apart.
    """
    wide = list(_charts(frame)) or list(_prefixes(frame, mapping))
    found: list[tuple[str, Frame]] = []
    for name, part in wide or [("", frame)]:
        for more, rows in _by_words(part):
            found.append((" ".join(word for word in (name, more) if word), rows))
    return found


def _charts(frame: Frame) -> Iterator[tuple[str, Frame]]:
    """Yield the runs of a chart that W&B exported; its bounds are left out."""
    ends = ("__MIN", "__MAX")
    charts = [c for c in frame.names if " - " in c and not c.endswith(ends)]
    charts = [c for c in frame.columns if c in charts] or charts
    runs = dict.fromkeys(c.rpartition(" - ")[0] for c in charts)
    clocks = [c for c in frame.columns if " - " not in c]
    if not clocks or not charts:
        return
    for run in runs:
        mine = [c for c in charts if c.rpartition(" - ")[0] == run]
        names = {c: c for c in clocks} | {c.rpartition(" - ")[2]: c for c in mine}
        yield run, frame.only(names)


def _prefixes(frame: Frame, mapping: Mapped) -> Iterator[tuple[str, Frame]]:
    """Yield the runs whose names stand before those of their signals."""
    runs: dict[str, dict[str, str]] = {}
    shared: dict[str, str] = {}
    for name in frame.columns:
        before, _, end = name.partition("/")
        plain = meaning(name, mapping)
        if end and plain is not None and plain.rank[0] == 9:  # known by its end
            runs.setdefault(before, {})[end] = name
        else:
            shared[name] = name
    signals = [set(names) for names in runs.values()]
    if len(signals) < 2 or not set.intersection(*signals):
        return
    for run, names in runs.items():
        yield run, frame.only(shared | names)


def _by_words(frame: Frame) -> Iterator[tuple[str, Frame]]:
    """Yield the runs that stand below one another, in the order of their first rows."""
    telling = {
        name: word
        for name, word in frame.words.items()
        if 1 < len(word.labels) <= frame.rows / _ROWS
    }
    if not telling:
        yield "", frame
        return
    codes = np.stack([word.codes for word in telling.values()], axis=1)
    kinds, first, of = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    for kind in np.argsort(first):
        name = " ".join(
            f"{column}={word.labels[code]}"
            for (column, word), code in zip(telling.items(), kinds[kind], strict=True)
            if code >= 0
        )
        if name:
            yield name, replace(frame.where(of.reshape(-1) == kind), words={})

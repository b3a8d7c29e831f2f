"""Split a table that holds several runs, side by side or below one another."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from puckrl.logs.frame import Frame, Words
from puckrl.logs.names import Mapped, meaning, ours

_RUN = frozenset(
    (
        "seed", "run", "run_id", "run_name", "runid", "env", "env_id", "env_name",
        "environment", "task", "task_name", "task_id", "model", "model_id", "model_name",
        "algo", "algorithm", "method", "agent", "variant", "trial", "trial_id",
        "experiment", "experiment_id", "exp", "exp_id", "exp_name", "name", "id", "group",
        "config", "policy", "job", "job_id", "slurm_job_id", "process_id", "pid", "session",
        "session_id", "rep", "repeat", "repetition", "replicate", "replica", "run_idx",
        "run_index", "run_number", "seed_id",
    )
)  # fmt: skip
"""Names of columns that tell runs apart."""
_PROCESS = frozenset(
    (
        "run", "run_id", "run_name", "runid", "trial_id", "experiment_id", "exp_id", "name",
        "exp_name", "id", "job", "job_id", "slurm_job_id", "process_id", "pid", "session",
        "session_id",
    )
)  # fmt: skip
"""Those of them that a run may change when another process goes on with it."""
_SETTINGS = frozenset(
    (
        "",
        "config",
        "cfg",
        "args",
        "hparams",
        "params",
        "settings",
        "meta",
        "tags",
        "info",
    )
)
"""Groups of settings; a name in any other group is a signal's."""
_ROWS = 2  # rows of the shortest run, on average
_GOES_ON = 0.5  # of the steps so far, from which on another process goes on
_SEED = re.compile(
    r"(?:^|[_\-./ ])(seed|run|trial|rep|replicate|s)[_\-= ]?(\d+)(?:[_\-./ ]+(?=.)|$)",
    re.IGNORECASE,
)
_FRACTION = re.compile(r"[+-]?\d*\.\d*[1-9]\d*(?:e[+-]?\d+)?|[+-]?\d\S*e-\d+")
_FILLED = 0.9  # share of the rows that name their run


def tells_runs(name: str) -> bool:
    """Return whether a column tells runs apart by its name.

    In a group of signals such a name is a signal: the loss of a policy is none.

    >>> tells_runs("Seed"), tells_runs("config/seed"), tells_runs("loss/policy")
    (True, True, False)
    """
    group, end = _parts(name)
    return end in _RUN and group.rpartition("/")[2] in _SETTINGS


def _parts(name: str) -> tuple[str, str]:
    """Return the group of a name and its end, in plain letters."""
    group, _, end = re.sub(r"[\s\-.]+", "_", name.lower()).rpartition("/")
    return group, end


def runs_in(frame: Frame, mapping: Mapped) -> list[tuple[str, Frame]]:
    """Return the runs of a table with their names; one without a name if it is one run.

    Runs stand side by side where columns are called "run - metric" (charts of W&B),
    "metric_seed0" or "run/metric", and below one another where a column such as ``seed``
    tells them apart.
    """
    wide = (
        list(_charts(frame)) or list(_seeds(frame)) or list(_prefixes(frame, mapping))
    )
    found: list[tuple[str, Frame]] = []
    for name, part in wide or [("", frame)]:
        for more, rows in _by_words(part, mapping):
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


def without_seed(name: str) -> tuple[str, str]:
    """Return the seed that a name holds, as "seed 0", and the rest of it.

    >>> without_seed("success_seed0"), without_seed("run-2/eval/success")
    (('seed 0', 'success'), ('run 2', 'eval/success'))
    """
    found = _SEED.search(name)
    if found is None:
        return "", name
    before, after = name[: found.start()], name[found.end() :]
    return f"{found[1].lower()} {found[2]}", before + after


def _seeds(frame: Frame) -> Iterator[tuple[str, Frame]]:
    """Yield the runs whose seeds stand in the names of their columns."""
    runs: dict[str, dict[str, str]] = {}
    for name in frame.columns:
        seed, plain = without_seed(name)
        runs.setdefault(seed, {}).setdefault(plain, name)
    shared = runs.pop("", {})
    if len(runs) < 2 or not set.intersection(*(set(names) for names in runs.values())):
        return
    for seed, names in runs.items():
        yield seed, frame.only(shared | names)


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


def _tells(word: Words) -> bool:
    """Return whether words name runs: nearly each row has one, and they are no measurements."""
    rows = len(word.codes)
    few = 1 < len(word.labels) <= rows / _ROWS
    return (
        few
        and float(np.mean(word.codes >= 0)) >= _FILLED
        and not any(_FRACTION.fullmatch(label) for label in word.labels)
    )


def _by_words(frame: Frame, mapping: Mapped) -> Iterator[tuple[str, Frame]]:
    """Yield the runs that stand below one another, in the order of their first rows.

    Columns that name a process tell runs apart only where its clock does not go on.
    """
    telling = {name: word for name, word in frame.words.items() if _tells(word)}
    process = {n: word for n, word in telling.items() if _parts(n)[1] in _PROCESS}
    for name, run in _apart(frame, telling.keys() - process.keys()):
        here = {n: run.words[n] for n in process}
        starts = [_takes_over(run, word, mapping) for word in here.values()]
        if all(start is not None for start in starts):
            breaks = sorted({*run.breaks, *(b for s in starts if s for b in s)})
            yield name, replace(run, words={}, breaks=tuple(breaks))
            continue
        for more, part in _apart(run, here.keys()):
            yield " ".join(word for word in (name, more) if word), part


def _takes_over(frame: Frame, word: Words, mapping: Mapped) -> tuple[int, ...] | None:
    """Return the rows from which on another process goes on with the run; None: it does not.

    Each process writes below the one before, from about where that one ended.
    """
    clock = next((n for n in frame.columns if ours(n, mapping) == "env_steps"), None)
    if clock is None:
        return None
    steps, known = frame.columns[clock], word.codes >= 0
    rows = np.flatnonzero(known & np.isfinite(steps))
    codes, steps = word.codes[rows], steps[rows]
    begin = np.flatnonzero(np.diff(codes)) + 1
    ends = np.maximum.accumulate(steps)[begin - 1] if len(begin) else steps[:0]
    if len(begin) >= len(np.unique(codes)) or (steps[begin] < _GOES_ON * ends).any():
        return None
    return tuple(rows[begin].tolist())


def _apart(frame: Frame, names: Collection[str]) -> Iterator[tuple[str, Frame]]:
    """Yield a table's rows apart by some of its columns of words."""
    telling = {name: word for name, word in frame.words.items() if name in names}
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
            yield name, frame.where(of.reshape(-1) == kind)

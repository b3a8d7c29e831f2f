"""Write a study's report: words, tables and figures, with every run accounted for.

report.md          three sentences, tables, warnings, runs that do not count
effects.csv        an arm's difference to the base a row
runs.csv           a run a row, with its value or the reason why it has none
curves.png         success on both clocks
effects.png        differences with intervals
interactions.png   cells of the factorial, if there is one
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from puckrl.core.intervals import wilson_interval
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.statistics.factorial import Contrast, contrasts, incomplete
from puckrl.statistics.inference import Effect, effects, iqm
from puckrl.statistics.looks import plan_looks
from puckrl.statistics.measure import Outcome
from puckrl.statistics.pairs import horizon, prepared
from puckrl.statistics.permute import Array
from puckrl.statistics.sequential import sequential_effects
from puckrl.study import figures
from puckrl.study.design import Study
from puckrl.study.file import base_levels
from puckrl.study.outcomes import RunRecord, outcomes_of
from puckrl.study.words import amount, binding_clock, cost, interval, not_shown, shown


@dataclass(frozen=True)
class Findings:
    """What the runs of a study say."""

    study: Study
    """What is compared."""
    outcomes: tuple[Outcome, ...]
    """A run each."""
    effects: tuple[Effect, ...]
    """An arm each."""
    contrasts: tuple[Contrast, ...]
    """Of the factorial; empty without one, or if the measure only ranks."""
    levels: Mapping[str, tuple[str, ...]]
    """Factor -> its levels, the base's first."""
    cells: Mapping[tuple[str, ...], str]
    """Combination of levels -> arm."""

    def values(self, arm: str) -> Array:
        """Return the values of an arm's runs, (n,); inf for never, if ranks count."""
        ready = prepared(self.study.measure, self.outcomes)
        return np.array([o.value for o in ready if o.arm == arm and not o.problem])


def find(study: Study, outcomes: Sequence[Outcome]) -> Findings:
    """Return what outcomes say, by the study's own rule.

    Raises:
        UserError: if a run appears twice, or censored runs have no meaning.
    """
    base, arms = study.base.name, [arm.name for arm in study.arms]
    if study.stopping == "sequential":
        looks = plan_looks(study.seeds, len(arms))
        found = sequential_effects(looks, study.measure, outcomes, base, arms)
    else:
        found = effects(study.measure, outcomes, base, arms)
    levels, cells = _cells(study)
    factorial: list[Contrast] = []
    if levels and study.measure.censored != "rank":
        factorial = contrasts(study.measure, outcomes, levels, cells)
    return Findings(
        study, tuple(outcomes), tuple(found), tuple(factorial), levels, cells
    )


def _cells(
    study: Study,
) -> tuple[dict[str, tuple[str, ...]], dict[tuple[str, ...], str]]:
    """Return the factorial's levels, the base's first, and the arm of every cell."""
    own = base_levels(study)
    arms = [(arm.name, arm.levels) for arm in study.arms if arm.levels]
    cells = {
        tuple(words[f] for f in study.factors): name
        for name, words in [(study.base.name, own), *arms]
        if words
    }
    levels = {
        factor: tuple(dict.fromkeys(cell[i] for cell in cells))
        for i, factor in enumerate(study.factors)
    }
    return levels, cells


def write_report(
    study: Study,
    records: Sequence[RunRecord],
    folder: Path,
    notes: Sequence[str] = (),
    amendments: Sequence[str] = (),
) -> Findings:
    """Write the report of a study into a folder; return what it found.

    Args:
        study: what is compared.
        records: every run that was asked for, also those that failed.
        folder: gets the files; made if missing.
        notes: what the referee says beside the answer.
        amendments: what changed after the first run.

    Raises:
        UserError: as ``find``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = find(study, outcomes_of(study, records))
    about = manifest(study=study.name, digest=study.digest, measure=str(study.measure))
    write_table(folder / "effects.csv", [_effect_row(e) for e in found.effects], about)
    write_table(folder / "runs.csv", _run_rows(found, records), about)
    _draw(found, records, folder)
    page = _page(found, records, notes, amendments)
    (folder / "report.md").write_text(page, encoding="utf-8")
    return found


def sentences(found: Findings, records: Sequence[RunRecord]) -> tuple[str, str, str]:
    """Return what was shown, what was not, and what it cost."""
    measure = found.study.measure
    return (
        shown(measure, found.effects),
        not_shown(measure, found.effects),
        cost(records),
    )


def _draw(found: Findings, records: Sequence[RunRecord], folder: Path) -> None:
    """Draw the figures."""
    measure, names = found.study.measure, [arm.name for arm in found.study.every_arm]
    figures.curves(records, names, folder / "curves.png")
    ranks = measure.censored == "rank"
    unit = (
        "probability to be earlier than the base"
        if ranks
        else f"difference to the base, {measure.unit}"
    )
    better = "left" if measure.smaller_is_better and not ranks else "right"
    rows = figures.effect_rows(found.effects)
    null = 0.5 if ranks else 0.0
    figures.forest(rows, unit, null, folder / "effects.png", better)
    if len(found.levels) > 1 and not ranks:
        cells = {cell: found.values(arm) for cell, arm in found.cells.items()}
        figures.interactions(
            found.levels, cells, measure.unit, folder / "interactions.png"
        )


def _effect_row(effect: Effect) -> TableRow:
    """Return an effect as a row of the table."""
    row: dict[str, Any] = {
        k: v for k, v in vars(effect).items() if k not in ("censored", "missing")
    }
    for name in ("censored", "missing"):
        row[f"{name}_base"], row[f"{name}_arm"] = getattr(effect, name)
    return row


def _run_rows(found: Findings, records: Sequence[RunRecord]) -> list[TableRow]:
    """Return a row for every run, with its value or its problem."""
    return [
        {
            "arm": record.arm,
            "seed": record.seed,
            "value": outcome.value,
            "censored": int(outcome.censored),
            "problem": outcome.problem,
            "foreign": int(record.foreign),
            "env_steps": record.last("env_steps"),
            "updates": record.last("updates"),
            "wall_s": record.last("wall_s"),
        }
        for record, outcome in zip(records, found.outcomes, strict=True)
    ]


def _page(
    found: Findings,
    records: Sequence[RunRecord],
    notes: Sequence[str],
    amendments: Sequence[str],
) -> str:
    """Return report.md."""
    study, measure = found.study, found.study.measure
    names = [arm.name for arm in study.every_arm]
    parts = [
        f"# {study.name}",
        "\n\n".join(sentences(found, records)),
        f"Measure: `{measure}`, {'smaller' if measure.smaller_is_better else 'larger'} "
        f"is better. Stopping: {study.stopping}, {len(study.seeds)} seeds at most. Study "
        f"`{study.name}-{study.digest}`.",
        binding_clock(measure, records, names),
        "## Differences to the base",
        _effects_table(found),
        "![Differences to the base with 95 % intervals](effects.png)",
        "## Arms",
        _arms_table(found),
        "![Success over env steps and over updates](curves.png)",
        *_factorial(found),
        "## Runs that do not count",
        _problems(found),
        *_couples(study),
        *_listed("## Warnings of the referee", notes),
        *_listed("## Amendments: changed after the first run", amendments),
    ]
    return "\n\n".join(parts) + "\n"


def _effects_table(found: Findings) -> str:
    """Return the table of differences."""
    measure = found.study.measure
    rows = [
        "| arm | answer | difference | p (Holm) | pairs | pairing correlation "
        "| never arrived: base, arm | no value: base, arm | method |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for e in found.effects:
        correlation = "-" if math.isnan(e.correlation) else f"{e.correlation:+.2f}"
        rows.append(
            f"| {_cell(e.arm)} | {e.shown} | {interval(measure, e)} | {e.adjusted:.2g} "
            f"| {e.n} | {correlation} | {e.censored[0]}, {e.censored[1]} "
            f"| {e.missing[0]}, {e.missing[1]} | {e.method} |"
        )
    return "\n".join(rows)


def _arms_table(found: Findings) -> str:
    """Return the table of the arms' own values."""
    measure, kind = found.study.measure, found.study.measure.kind
    reached = " | reached the threshold, 95 % interval" if kind == "time_to" else ""
    rows = [
        f"| arm | runs with a value | mean | middle half (IQM) | least | largest{reached} |",
        "|---|---|---|---|---|---" + ("|---|" if reached else "|"),
    ]
    for arm in found.study.every_arm:
        values = found.values(arm.name)
        four = _four(values)
        words = " | ".join(amount(measure, x) for x in four)
        asked = sum(o.arm == arm.name for o in found.outcomes)
        row = f"| {_cell(arm.name)} | {len(values)} of {asked} | {words} |"
        if reached:
            row += f" {_reached(found, arm.name)} |"
        rows.append(row)
    tau = horizon(found.outcomes)
    text = "\n".join(rows)
    if kind == "time_to" and measure.censored == "restricted" and math.isfinite(tau):
        text += f"\n\nTimes count up to {amount(measure, tau)} in every arm."
    if kind == "time_to" and measure.censored == "rank":
        text += "\n\n∞: a run never arrived. Only the order of the times counts."
    return text


def _four(values: Array) -> tuple[float, float, float, float]:
    """Return mean, IQM, least and largest; NaN without values."""
    if not len(values):
        return math.nan, math.nan, math.nan, math.nan
    return float(values.mean()), iqm(values), float(values.min()), float(values.max())


def _reached(found: Findings, arm: str) -> str:
    """Return how many of an arm's runs arrived, with Wilson's interval."""
    mine = [o for o in found.outcomes if o.arm == arm and not o.problem]
    if not mine:
        return "-"
    arrived = sum(not o.censored for o in mine)
    low, high = wilson_interval(arrived, len(mine))
    return f"{arrived} of {len(mine)} ({100 * low:.0f} to {100 * high:.0f} %)"


def _factorial(found: Findings) -> list[str]:
    """Return the factorial's part of the page; empty without one."""
    if not found.levels:
        return []
    measure = found.study.measure
    if not found.contrasts:
        return ["## Factorial", "Ranks have no cell means; use censored=restricted."]
    rows = [
        "| effect | estimate | 95 % interval | p (Holm) | seeds |",
        "|---|---|---|---|---|",
    ]
    for one in found.contrasts:
        low, mid, high = (
            amount(measure, x, signed=True) for x in (one.low, one.estimate, one.high)
        )
        rows.append(
            f"| {_cell(one.name)} | {mid} | {low} to {high} | {one.adjusted:.2g} "
            f"| {one.n} |"
        )
    left_out = incomplete(found.outcomes, found.study.seeds, found.cells)
    parts = ["## Main effects and interactions", "\n".join(rows)]
    if left_out:
        parts.append(
            f"{len(left_out)} seeds lack a cell and do not count here: "
            f"{', '.join(map(str, left_out))}."
        )
    if len(found.levels) > 1:
        parts.append("![Cells of the factorial](interactions.png)")
    return parts


def _problems(found: Findings) -> str:
    """Name every run without a value, and every run that was not asked for."""
    lines = [
        f"- `{o.arm}`, seed {o.seed}: {o.problem}" for o in found.outcomes if o.problem
    ]
    have = {(o.arm, o.seed) for o in found.outcomes}
    for arm in found.study.every_arm:
        absent = [s for s in found.study.seeds if (arm.name, s) not in have]
        if not absent or arm.folders:
            continue
        seeds = ", ".join(map(str, absent))
        early = found.study.stopping == "sequential"
        why = "not run, the answer did not need them" if early else "missing"
        lines.append(f"- `{arm.name}`, seeds {seeds}: {why}")
    if any(o.problem for o in found.outcomes):
        lines.append(
            "\nRuns without a value are left out of estimates. Where that favors the arm "
            "that looks better, its p-value counts them as failures."
        )
    return "\n".join(lines) or "None: every run that was planned has a value."


def _couples(study: Study) -> list[str]:
    """Return the settings that count as one variable."""
    groups = [" + ".join(f"`{name}`" for name in sorted(g)) for g in study.couple]
    return _listed("## Settings that move together and count as one", groups)


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    """Return a heading with a list; nothing without lines."""
    return [title, "\n".join(f"- {line}" for line in lines)] if lines else []


def _cell(text: str) -> str:
    """Return text that does not end a table's cell."""
    return text.replace("|", "\\|")

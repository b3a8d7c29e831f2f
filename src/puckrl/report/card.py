"""Write card.md: the story of one run on one page."""

import math
from collections.abc import Sequence
from typing import Any

from puckrl.config.presets import PRESETS
from puckrl.config.run_cfg import RunCfg
from puckrl.core.words import duration
from puckrl.monitor.verdict import Verdict
from puckrl.report.rows import first_reach
from puckrl.training.judge import Evaluation
from puckrl.training.sinks import LogRow

_MEASURED_ON = {"cpu": "two CPU cores with native bfloat16", "warp": "one H100"}
"""Hardware on which a preset's promise was measured, by physics backend."""


_UNITS = {"m": "m", "s": "s", "n": "N", "nm": "Nm", "rad": "rad"}


def verdict(
    cfg: RunCfg,
    final: Evaluation,
    rows: Sequence[LogRow],
    stop: str,
    total_s: float,
) -> str:
    """Say in one line whether the run kept its preset's promise of success and time.

    A promise can be missed only under the budget that the preset itself has.

    Args:
        cfg: what was run.
        final: the last evaluation.
        rows: the run's logged numbers, at least one row.
        stop: why it ended.
        total_s: seconds of the whole command so far.
    """
    expect, took = cfg.expect, duration(rows[-1]["train_s"])
    got = f"{_result(final)} after {took} of training, {duration(total_s)} in all"
    if not expect.success:
        return f"{got}; {cfg.preset} promises nothing yet"
    where = _MEASURED_ON[cfg.sim.backend]
    promised = f"{expect.success:.2f} within {duration(expect.train_s)} on {where}"
    first = first_reach(rows, expect.success)
    when = f"first reached at {duration(first['train_s'])}" if first else "not reached"
    in_time = first is not None and first["train_s"] <= expect.train_s
    kept = "kept" if in_time and final.success >= expect.success else "MISSED"
    if kept == "MISSED" and stop == "interrupted":
        kept = "not judged, because the run was interrupted"
    elif kept == "MISSED" and (cut := _cut_budget(cfg)):
        kept = f"not judged, because {cut}"
    return f"{got}; promised: {promised}; {when}: {kept}"


def _result(final: Evaluation) -> str:
    """Return the result in words; the return, where nobody says what success is."""
    if math.isnan(final.success):
        return (
            f"return {final.mean_return:.4g} (this environment does not report success)"
        )
    return f"success {final.success:.3f}"


def _success_row(final: Evaluation) -> list[str]:
    """Return the table's row of success."""
    if math.isnan(final.success):
        return [
            f"| success | not reported by this environment, {final.episodes} episodes |"
        ]
    low, high = final.interval
    return [
        f"| success at the last step | {final.success:.3f} [{low:.3f}, {high:.3f}], "
        f"{final.episodes} episodes |"
    ]


def _cut_budget(cfg: RunCfg) -> str | None:
    """Return how a budget is smaller than the preset's own, in words; None if it is not."""
    own = PRESETS[cfg.preset].budget if cfg.preset in PRESETS else cfg.budget
    for flag, given, usual in (
        ("--budget.env-steps", cfg.budget.env_steps, own.env_steps),
        ("--budget.train-s", cfg.budget.train_s, own.train_s),
    ):
        if given and (given < usual or not usual):  # 0: no limit
            limit = f"{usual:,g}" if usual else "no limit"
            return f"the promise holds for {flag} {limit}, not {given:,g}"
    asked = cfg.budget.until_success
    if asked and asked != own.until_success and asked < cfg.expect.success:
        return f"--budget.until-success {asked:g} ended it early"
    return None


def seconds_or_dash(seconds: float) -> str:
    """Return seconds in words, or a dash for NaN."""
    return "-" if math.isnan(seconds) else f"{seconds:.2f} s"


def without_nan(values: dict[str, Any]) -> dict[str, Any]:
    """Replace NaN by None: JSON has no NaN."""
    return {k: None if v != v else v for k, v in values.items()}


def card(
    name: str,
    cfg: RunCfg,
    final: Evaluation,
    rows: Sequence[LogRow],
    stop: str,
    said: Verdict,
    total_s: float,
) -> str:
    """Return the page, in Markdown.

    Args:
        name: heads the page.
        cfg: what was run.
        final: the last evaluation.
        rows: the run's logged numbers, at least one row.
        stop: why it ended.
        said: the doctor's verdict on the whole run.
        total_s: seconds of the whole command so far.
    """
    last = rows[-1]
    reached = [_reached(rows, level) for level in (0.5, 0.9, 0.95, 0.99)]
    return "\n".join(
        [
            f"# {name}",
            "",
            verdict(cfg, final, rows, stop, total_s) + ".",
            "",
            "![curve](curve.png)",
            "",
            "| final evaluation | |",
            "|---|---|",
            *_success_row(final),
            f"| mean return | {final.mean_return:.2f} |",
            f"| median time to success | {seconds_or_dash(final.time_to_success_s)} |",
            f"| mean change of an action per step | {final.action_change:.3f} |",
            *(
                "| {} | {} |".format(*measurement(name, value))
                for name, value in final.metrics.items()
            ),
            "",
            "| success first reached | env steps | updates | training |",
            "|---|---|---|---|",
            *reached,
            "",
            *_story(said),
            "",
            f"Ended by: {stop}. {last['env_steps']:,.0f} env steps, {last['updates']:,.0f} updates "
            f"({last['updates'] / last['env_steps']:.3f} per step), {duration(last['train_s'])} of "
            f"collecting and updating, {duration(last['wall_s'])} with evaluation and compilation, "
            f"{duration(total_s)} of the whole command.",
            "",
        ]
    )


def measurement(name: str, value: float) -> tuple[str, str]:
    """Return title and value of a task's measurement, whose name ends with its unit."""
    words, _, unit = name.rpartition("_")
    known = _UNITS.get(unit)
    title = (words if known else name).replace("_", " ")
    return f"{title}, mean over episodes", f"{value:.3g}{f' {known}' if known else ''}"


def _story(said: Verdict) -> list[str]:
    """Return the phases on both clocks, the doctor's verdict and its reasons."""
    numbers = "; ".join(map(str, said.numbers))
    return [
        "| phase | env steps | updates |",
        "|---|---|---|",
        *(
            f"| {s.phase} | {s.env_steps[0]:,.0f} - {s.env_steps[1]:,.0f} "
            f"| {s.updates[0]:,.0f} - {s.updates[1]:,.0f} |"
            for s in said.spans
        ),
        "",
        f"The doctor: **{said.headline}**, because {numbers}. {_sentence(said.advice)}",
        *(f"- {f.name}: {f.reason}" for f in said.findings),
        f"- the verdict changes if: {said.changes_if}",
    ]


def _sentence(words: str) -> str:
    """Begin with a capital letter and end with a period; keep names as they are."""
    return f"{words[:1].upper()}{words[1:]}."


def _reached(rows: Sequence[LogRow], level: float) -> str:
    """Return a table row: when an evaluation first reached a success rate."""
    row = first_reach(rows, level)
    if row is None:
        return f"| {level:.2f} | - | - | - |"
    steps, updates = row["env_steps"], row["updates"]
    return (
        f"| {level:.2f} | {steps:,.0f} | {updates:,.0f} | {duration(row['train_s'])} |"
    )

"""card.md: the story of one run on one page."""

import math
from collections.abc import Sequence
from typing import Any

from puckrl.config.run_cfg import RunCfg
from puckrl.monitor.verdict import Verdict
from puckrl.report.rows import first_reach
from puckrl.training.console import duration
from puckrl.training.rollout import Evaluation
from puckrl.training.sinks import Row


def verdict(cfg: RunCfg, final: Evaluation, rows: Sequence[Row], stop: str) -> str:
    """Whether the run kept its preset's bounds, success and time, in one line."""
    expect, took = cfg.expect, duration(rows[-1]["train_s"])
    got = f"success {final.success:.3f} after {took} of training"
    if not expect.success:
        return f"{got}; {cfg.preset} has no bounds yet"
    where = "one H100" if cfg.sim.backend == "warp" else "two CPU cores with bfloat16"
    wanted = f"{expect.success:.2f} within {duration(expect.train_s)} on {where}"
    first = first_reach(rows, expect.success)
    when = f"first reached at {duration(first['train_s'])}" if first else "not reached"
    in_time = first is not None and first["train_s"] <= expect.train_s
    kept = "kept" if in_time and final.success >= expect.success else "MISSED"
    if kept == "MISSED" and stop == "interrupted":
        kept = "not judged, it was interrupted"
    return f"{got}; asked for {wanted}, {when}: {kept}"


def seconds_or_dash(seconds: float) -> str:
    """Seconds, or a dash where there are none (NaN)."""
    return "-" if math.isnan(seconds) else f"{seconds:.2f} s"


def without_nan(values: dict[str, Any]) -> dict[str, Any]:
    """NaN as None: JSON has no NaN."""
    return {k: None if v != v else v for k, v in values.items()}


def card(
    name: str,
    cfg: RunCfg,
    final: Evaluation,
    rows: Sequence[Row],
    stop: str,
    said: Verdict,
) -> str:
    """The page, in Markdown."""
    last = rows[-1]
    reached = [_reached(rows, level) for level in (0.5, 0.9, 0.95, 0.99)]
    return "\n".join(
        [
            f"# {name}",
            "",
            verdict(cfg, final, rows, stop) + ".",
            "",
            "![curve](curve.png)",
            "",
            "| final evaluation | |",
            "|---|---|",
            f"| success at the last step | {final.success:.3f} "
            f"[{final.interval.low:.3f}, {final.interval.high:.3f}], {final.episodes} episodes |",
            f"| return | {final.mean_return:.2f} |",
            f"| time to success, median | {seconds_or_dash(final.time_to_success_s)} |",
            f"| change of action per step | {final.action_change:.3f} |",
            "",
            "| success first reached | env steps | updates | training |",
            "|---|---|---|---|",
            *reached,
            "",
            *_story(said),
            "",
            f"Ended by: {stop}. {last['env_steps']:,.0f} env steps, {last['updates']:,.0f} updates "
            f"(ratio {last['updates'] / last['env_steps']:.3f}), {duration(last['train_s'])} of "
            f"collecting and updating, {duration(last['wall_s'])} with evaluation and compilation.",
            "",
        ]
    )


def _story(said: Verdict) -> list[str]:
    """What the doctor says: the phases on both clocks, the verdict and its reasons."""
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
        f"The doctor: **{said.headline}**, because {numbers}. {said.advice.capitalize()}.",
        *(f"- {f.name}: {f.reason}" for f in said.findings),
        f"- the verdict changes if: {said.mind}",
    ]


def _reached(rows: Sequence[Row], level: float) -> str:
    """A table row: when a success rate was first evaluated."""
    row = first_reach(rows, level)
    if row is None:
        return f"| {level:.2f} | - | - | - |"
    steps, updates = row["env_steps"], row["updates"]
    return (
        f"| {level:.2f} | {steps:,.0f} | {updates:,.0f} | {duration(row['train_s'])} |"
    )

"""The card: its verdict on success and time, its tables, and the doctor's story."""

import math
from dataclasses import replace

import pytest

from puckrl.config.presets import preset
from puckrl.config.run_cfg import ExpectCfg, RunCfg, SimCfg
from puckrl.core.intervals import Interval
from puckrl.monitor.verdict import Finding, Number, Span, Verdict
from puckrl.report.card import card, verdict
from puckrl.training.judge import Evaluation
from puckrl.training.sinks import LogRow

CFG = replace(preset("push"), expect=ExpectCfg(success=0.95, train_s=120.0))


def final(success: float) -> Evaluation:
    return Evaluation(
        512, success, Interval(0.0, 1.0), -10.0, 1.0, 0.1, success, success, 0.1
    )


@pytest.mark.parametrize(
    ("reached_at_s", "success", "words"),
    [
        (100.0, 0.96, "first reached at 1:40: kept"),
        (130.0, 0.96, "first reached at 2:10: MISSED"),
        # the interval reaches up to 1, but what counts is the rate itself
        (100.0, 0.94, "first reached at 1:40: MISSED"),
        (None, 0.96, "not reached: MISSED"),
    ],
)
def test_a_bound_is_kept_in_time_and_at_the_end(
    reached_at_s: float | None, success: float, words: str
) -> None:
    rows = [{"train_s": 200.0, "eval/success": 0.5}]
    if reached_at_s is not None:
        rows.insert(0, {"train_s": reached_at_s, "eval/success": 0.95})
    assert verdict(CFG, final(success), rows, "budget", 60.0).endswith(words)


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (
            {"env_steps": 5000},
            "the promise holds for --budget.env-steps 320,000, not 5,000",
        ),
        ({"train_s": 60.0}, "the promise holds for --budget.train-s no limit, not 60"),
        ({"until_success": 0.5}, "--budget.until-success 0.5 ended it early"),
        ({"env_steps": 400_000}, None),
        ({"env_steps": 0}, None),
    ],
)
def test_a_promise_is_missed_only_under_its_own_budget(
    budget: dict[str, float], words: str | None
) -> None:
    cfg = replace(CFG, budget=replace(CFG.budget, **budget))
    told = verdict(cfg, final(0.9), [{"train_s": 50.0}], "budget", 60.0)
    judged = f"not judged, because {words}" if words else "MISSED"
    assert told.endswith(f"not reached: {judged}")


def test_an_interrupted_run_is_not_judged_too_early() -> None:
    early = [{"train_s": 60.0, "eval/success": 0.1}]
    told = verdict(CFG, final(0.1), early, "interrupted", 60.0)
    assert told.endswith("not reached: not judged, because the run was interrupted")
    done = [{"train_s": 60.0, "eval/success": 0.96}]
    assert verdict(CFG, final(0.96), done, "interrupted", 60.0).endswith("kept")


def test_a_preset_without_bounds_says_so() -> None:
    rows = [{"train_s": 9.0}]
    assert "promises nothing yet" in verdict(RunCfg(), final(1.0), rows, "budget", 60.0)


def test_the_bound_names_the_hardware_it_is_for() -> None:
    rows = [{"train_s": 9.0}]
    on_gpu = replace(CFG, sim=SimCfg(backend="warp"))
    assert "0.95 within 2:00 on two CPU cores" in verdict(
        CFG, final(1.0), rows, "budget", 60.0
    )
    assert "0.95 within 2:00 on one H100" in verdict(
        on_gpu, final(1.0), rows, "budget", 60.0
    )


FINAL = Evaluation(
    512, 0.9624, Interval(0.9421, 0.9764), -7.25, 1.5, 0.125, 1, 0.9, 0.3
)
ROWS: list[LogRow] = [
    {"env_steps": s, "updates": u, "train_s": t, "wall_s": w, "eval/success": y}
    for s, u, t, w, y in (
        (5_000, 1_250, 9.5, 21.0, 0.25),
        (10_000, 2_500, 30.0, 44.0, 0.75),
        (15_000, 3_750, 65.0, 80.0, 0.9),
        (20_000, 5_000, 100.0, 121.0, 0.96),
    )
]
SAID = Verdict(
    phase="converging",
    color="yellow",
    confidence=0.874,
    numbers=(
        Number("success", 0.96, "floor 0.05"),
        Number("critic loss", 0.5, "falls"),
    ),
    changes_if="success lost",
    advice="compare TD targets and Q",
    findings=(
        Finding("stalled", "yellow", "success stands at 0.75", "look at the goals"),
        Finding("resumed log", "green", "metrics.jsonl was resumed", "nothing"),
    ),
    spans=(
        Span("flat", (1_000, 7_500), (0, 1_875)),
        Span("take-off", (7_500, 20_000), (1_875, 5_000)),
    ),
)


def page(said: Verdict = SAID, final: Evaluation = FINAL) -> list[str]:
    return card("push-s0", CFG, final, ROWS, "success", said, 60.0).splitlines()


def test_the_card_says_what_the_final_evaluation_found() -> None:
    shown = page()
    assert shown[0] == "# push-s0"
    assert shown[2] == verdict(CFG, FINAL, ROWS, "success", 60.0) + "."
    at = shown.index("| final evaluation | |")
    assert shown[at + 2 : at + 6] == [
        "| success at the last step | 0.962 [0.942, 0.976], 512 episodes |",
        "| mean return | -7.25 |",
        "| median time to success | 1.50 s |",
        "| mean change of an action per step | 0.125 |",
    ]
    never = page(final=replace(FINAL, time_to_success_s=math.nan))
    assert "| median time to success | - |" in never


def test_the_card_says_when_each_success_rate_was_reached_on_three_clocks() -> None:
    shown = page()
    at = shown.index("| success first reached | env steps | updates | training |")
    assert shown[at + 2 : at + 6] == [
        "| 0.50 | 10,000 | 2,500 | 30.0 s |",
        "| 0.90 | 15,000 | 3,750 | 1:05 |",
        "| 0.95 | 20,000 | 5,000 | 1:40 |",
        "| 0.99 | - | - | - |",
    ]


def test_the_card_ends_with_the_runs_clocks() -> None:
    assert page()[-1] == (
        "Ended by: success. 20,000 env steps, 5,000 updates (0.250 per step), 1:40 of "
        "collecting and updating, 2:01 with evaluation and compilation, 1:00 of the whole command."
    )


def test_the_card_tells_the_doctors_story() -> None:
    shown = page()
    at = shown.index("| phase | env steps | updates |")
    assert shown[at + 2 : at + 4] == [
        "| flat | 1,000 - 7,500 | 0 - 1,875 |",
        "| take-off | 7,500 - 20,000 | 1,875 - 5,000 |",
    ]
    assert shown[at + 5 : at + 9] == [
        "The doctor: **converging (87% sure): stalled**, because success 0.96 (floor 0.05); "
        "critic loss 0.5 (falls). Compare TD targets and Q.",
        "- stalled: success stands at 0.75",
        "- resumed log: metrics.jsonl was resumed",
        "- the verdict changes if: success lost",
    ]


def test_measurements_of_the_task_are_shown_with_their_units() -> None:
    measured = replace(FINAL, metrics={"peak_force_n": 52.125, "turns": 3.0})
    page = card("run", CFG, measured, ROWS, "budget", SAID, 60.0)
    assert "| peak force, mean over episodes | 52.1 N |" in page
    assert "| turns, mean over episodes | 3 |" in page

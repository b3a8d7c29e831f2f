"""The card's verdict: success and time both count."""

from dataclasses import replace

import pytest

from puckrl.config.run_cfg import ExpectCfg, RunCfg, SimCfg
from puckrl.core.maths import Interval
from puckrl.report.card import verdict
from puckrl.training.rollout import Evaluation

CFG = RunCfg(preset="push", expect=ExpectCfg(success=0.95, train_s=120.0))


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
    assert verdict(CFG, final(success), rows, "budget").endswith(words)


def test_an_interrupted_run_is_not_judged_too_early() -> None:
    early = [{"train_s": 60.0, "eval/success": 0.1}]
    told = verdict(CFG, final(0.1), early, "interrupted")
    assert told.endswith("not reached: not judged, it was interrupted")
    done = [{"train_s": 60.0, "eval/success": 0.96}]
    assert verdict(CFG, final(0.96), done, "interrupted").endswith("kept")


def test_a_preset_without_bounds_says_so() -> None:
    rows = [{"train_s": 9.0}]
    assert "no bounds yet" in verdict(RunCfg(), final(1.0), rows, "budget")


def test_the_bound_names_the_hardware_it_is_for() -> None:
    rows = [{"train_s": 9.0}]
    on_gpu = replace(CFG, sim=SimCfg(backend="warp"))
    assert "0.95 within 2:00 on two CPU cores" in verdict(
        CFG, final(1.0), rows, "budget"
    )
    assert "0.95 within 2:00 on one H100" in verdict(on_gpu, final(1.0), rows, "budget")

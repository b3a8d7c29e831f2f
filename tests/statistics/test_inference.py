"""Effects of arms: intervals, missing and censored runs, several arms."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from puckrl.core.errors import UserError
from puckrl.statistics.inference import (
    detectable,
    effects,
    holm,
    iqm,
    iqm_over_tasks,
    mean_interval,
    p_of,
)
from puckrl.statistics.measure import Outcome, parse_measure
from puckrl.statistics.pairs import horizon, paired, prepared
from puckrl.statistics.permute import p_value

FINAL = parse_measure("final_success")
TIME = parse_measure("time_to(0.95, clock=env_steps, censored=restricted)")
RANK = parse_measure("time_to(0.95, clock=env_steps, censored=rank)")
GOOD, POOR = [0.9, 0.95, 0.97, 0.93, 0.94], [0.3, 0.5, 0.42, 0.39, 0.45]


def outcomes(arm: str, values: list[float], never: float = math.inf) -> list[Outcome]:
    return [Outcome(arm, i, v, v >= never) for i, v in enumerate(values)]


def lost(arm: str, seed: int) -> Outcome:
    return Outcome(arm, seed, math.nan, problem="diverged")


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_iqm_by_hand() -> None:
    assert iqm(np.array([0.0, 1.0, 2.0, 9.0])) == 1.5
    assert iqm(np.array([0.0, 1.0, 2.0, 3.0, 100.0])) == 2.0
    assert math.isnan(iqm(np.empty(0)))


def test_iqm_over_tasks_draws_within_tasks() -> None:
    constant = [np.full(6, 0.2), np.full(6, 0.8)]
    assert iqm_over_tasks(constant) == pytest.approx((0.5, 0.5, 0.5))
    rng = np.random.default_rng(0)
    mid, low, high = iqm_over_tasks([rng.random(10), rng.random(10)])
    assert low < mid < high
    with pytest.raises(ValueError, match="needs 10"):
        iqm_over_tasks([np.ones(3)])


def test_a_clear_difference_is_shown_with_its_sign() -> None:
    data = outcomes("base", GOOD) + outcomes("poor", POOR)
    (effect,) = effects(FINAL, data, "base", ["poor"])
    assert effect.shown == "worse"
    assert effect.low < effect.estimate < effect.high < 0
    assert effect.estimate == pytest.approx(np.mean(POOR) - np.mean(GOOD))
    assert effect.correlation == pytest.approx(np.corrcoef(GOOD, POOR)[0, 1])
    (other,) = effects(FINAL, data, "poor", ["base"])
    assert other.shown == "better"
    assert other.p == pytest.approx(effect.p, abs=0.002)  # 1 in 5,000 ways


def test_smaller_times_are_better() -> None:
    data = outcomes("base", [900, 950, 970, 930]) + outcomes(
        "fast", [300, 500, 420, 390]
    )
    assert effects(TIME, data, "base", ["fast"])[0].shown == "better"
    assert effects(TIME, data, "fast", ["base"])[0].shown == "worse"


def test_three_pairs_are_students_paired_t() -> None:
    base, arm = np.array([1.0, 2.0, 4.0]), np.array([2.0, 4.5, 5.0])
    low, high, method = mean_interval(base, arm, 0.05, None)
    done = stats.ttest_rel(arm, base)
    assert method == "paired t"
    assert (low, high) == pytest.approx(tuple(done.confidence_interval(0.95)))
    data = outcomes("base", base.tolist()) + outcomes("arm", arm.tolist())
    assert p_of(FINAL, paired(data, "base", "arm")) == pytest.approx(done.pvalue)


def test_runs_without_spread_leave_room_for_failures() -> None:
    ones, zeros = np.ones(5), np.zeros(5)
    low, high, method = mean_interval(ones, ones, 0.05, (0.0, 1.0))
    unseen = 3.841459 / (5 + 3.841459)  # Wilson's upper end of 0 in 5
    assert method.endswith("Newcombe")
    assert (low, high) == pytest.approx((-unseen, unseen), abs=1e-5)
    low, high, _ = mean_interval(zeros, ones, 0.05, (0.0, 1.0))
    assert (low, high) == pytest.approx((1 - math.sqrt(2) * unseen, 1.0), abs=1e-5)
    assert mean_interval(ones, ones, 0.05, None)[:2] == (-math.inf, math.inf)


def test_one_pair_shows_nothing() -> None:
    (effect,) = effects(
        FINAL, outcomes("base", [0.1]) + outcomes("arm", [0.9]), "base", ["arm"]
    )
    assert (effect.p, effect.low, effect.high) == (1.0, -math.inf, math.inf)
    assert effect.shown == "no difference shown"


def test_every_time_counts_up_to_the_earliest_end_of_a_run_that_never_arrived() -> None:
    data = [
        Outcome("base", 0, 100.0),
        Outcome("base", 1, 400.0, censored=True),
        Outcome("arm", 0, 350.0),
        Outcome("arm", 1, 300.0, censored=True),
        Outcome("arm", 2, math.nan, problem="failed"),
    ]
    assert horizon(data) == 300.0
    assert [o.value for o in prepared(TIME, data)[:4]] == [100.0, 300.0, 300.0, 300.0]
    assert [o.value for o in prepared(RANK, data)[:4]] == [
        100.0,
        math.inf,
        350.0,
        math.inf,
    ]
    with pytest.raises(UserError, match="censored=restricted"):
        prepared(replace(TIME, censored=None), data)
    with pytest.raises(UserError, match="two runs of one seed"):
        prepared(TIME, [data[0], data[0]])


def test_never_arriving_is_not_left_out() -> None:
    """An arm whose survivors are fast loses, where its mean over survivors would win."""
    base = outcomes("base", [200, 210, 220, 230, 240, 250])
    arm = outcomes("arm", [100, 1000, 1000, 1000, 1000, 1000], never=1000)
    for measure in (TIME, RANK):
        (effect,) = effects(measure, base + arm, "base", ["arm"])
        assert effect.shown == "worse"
        assert effect.censored == (0, 5)
    assert effects(RANK, base + arm, "base", ["arm"])[0].estimate == pytest.approx(
        1 / 6
    )


def test_ranks_show_complete_separation_of_five() -> None:
    data = outcomes("base", [7, 6, 5, 8, 9], never=9) + outcomes(
        "arm", [1, 2, 3, 4, 4.5]
    )
    (effect,) = effects(RANK, data, "base", ["arm"])
    assert effect.estimate == 1.0
    assert effect.shown == "better"
    assert 0 < effect.p <= 2 / 252 + 0.002  # two of 252 splits; pairs order them


def test_an_arm_does_not_win_by_its_survivors() -> None:
    base = outcomes("base", [*POOR, 0.41, 0.37])
    arm = [*outcomes("arm", GOOD), lost("arm", 5), lost("arm", 6)]
    (effect,) = effects(FINAL, base + arm, "base", ["arm"])
    alone = paired(base + arm, "base", "arm")
    assert effect.missing == (0, 2)
    assert effect.n == 5
    failed = np.array([*GOOD, 0.0, 0.0])
    as_failures = float(p_value(np.array([*POOR, 0.41, 0.37]), failed))
    assert p_of(FINAL, alone) < 0.05 < as_failures
    assert effect.p == pytest.approx(as_failures)
    assert effect.shown == "no difference shown"


def test_missing_runs_of_the_losing_side_do_not_hide_the_difference() -> None:
    base = outcomes("base", [*GOOD, 0.9])
    arm = [*outcomes("arm", POOR), lost("arm", 5)]
    assert effects(FINAL, base + arm, "base", ["arm"])[0].shown == "worse"


def test_holm_is_over_the_arms() -> None:
    near = outcomes("near", [0.88, 0.91, 0.80, 0.92, 0.86])
    data = outcomes("base", GOOD) + near
    (alone,) = effects(FINAL, data, "base", ["near"])
    others = [f"same{i}" for i in range(5)]
    for name in others:
        data += outcomes(name, GOOD)
    together = effects(FINAL, data, "base", ["near", *others])[0]
    assert alone.p == together.p
    assert together.adjusted == pytest.approx(min(1.0, 6 * alone.p))
    assert alone.shown == "worse"
    assert together.shown == "no difference shown"


def test_a_difference_that_could_be_seen_is_seen_four_times_in_five() -> None:
    n, spread = 8, 1.0
    rng = np.random.default_rng(0)
    base, arm = rng.standard_normal((2, 400, n)) * spread
    size = float(np.mean([detectable(b, a) for b, a in zip(base, arm, strict=True)]))
    seen = np.concatenate(
        [p_value(base[i : i + 20], arm[i : i + 20] + size) for i in range(0, 400, 20)]
    )
    assert (seen <= 0.05).mean() == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize("kind", ["normal", "heavy-tailed", "takes off or not"])
@pytest.mark.parametrize("n", [3, 5])
def test_intervals_hold_the_truth(kind: str, n: int) -> None:
    from study_errors import coverage

    assert coverage(kind, n, 500) >= 0.93

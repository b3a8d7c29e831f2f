"""Decisions while runs come in: who stops, who goes on, with which seeds."""

import math

import numpy as np
import pytest

from puckrl.statistics.inference import effects
from puckrl.statistics.looks import FUTILE, Looks, plan_looks, predictive_power
from puckrl.statistics.measure import Outcome, parse_measure
from puckrl.statistics.sequential import decide, next_runs, sequential_effects

FINAL = parse_measure("final_success")
TIME = parse_measure("time_to(0.9, updates, censored=rank)")
SEEDS = tuple(range(10))


def drawn(arm: str, n: int, effect: float = 0.0, seed: int = 0) -> list[Outcome]:
    rng = np.random.default_rng([seed, len(arm)])
    values = 0.5 + 0.1 * rng.standard_normal(10) + effect
    return [Outcome(arm, i, float(values[i])) for i in range(n)]


def test_nothing_is_known_before_the_first_look() -> None:
    looks = plan_looks(SEEDS, 2)
    found = decide(looks, FINAL, [], "base", ["a", "bb"])
    assert [one.state for one in found] == ["go on", "go on"]
    first = SEEDS[: looks.at[0]]
    assert next_runs(looks, found, [], "base") == {
        "base": first,
        "a": first,
        "bb": first,
    }


def test_arms_stop_separately_and_the_base_goes_on_for_the_others() -> None:
    looks = plan_looks(SEEDS, 2)
    n = looks.at[0]
    unclear = [0.13, -0.02, 0.16, 0.02, 0.12, 0.0]
    base = drawn("base", n)
    between = [Outcome("bb", o.seed, o.value + unclear[o.seed]) for o in base]
    data = base + drawn("a", n, effect=0.9) + between
    clear, open_ = decide(looks, FINAL, data, "base", ["a", "bb"])
    assert clear.state == "better"
    assert clear.next_seeds == ()
    assert clear.seen == n
    assert open_.state == "go on"
    more = SEEDS[n : looks.at[1]]
    assert next_runs(looks, [clear, open_], data, "base") == {"base": more, "bb": more}
    # runs that have ended since are not asked for again
    data += [Outcome("base", more[0], 0.5)]
    assert next_runs(looks, [clear, open_], data, "base") == {"bb": more}


def test_an_arm_without_a_difference_is_given_up() -> None:
    looks = plan_looks(SEEDS, 1)
    base = drawn("base", looks.at[0])
    middle = float(np.mean([o.value for o in base]))
    same = [Outcome("same", o.seed, 2 * middle - o.value) for o in base]
    (found,) = decide(looks, FINAL, base + same, "base", ["same"])
    assert found.state == "no difference shown"
    assert predictive_power(1.0, looks.at[0] / 10, 0.05) < FUTILE
    assert next_runs(looks, [found], base + same, "base") == {}


def test_the_last_look_ends_every_arm() -> None:
    looks = plan_looks(SEEDS, 1)
    for effect in (0.0, 0.05, 0.1, 0.5):
        data = drawn("base", 10) + drawn("arm", 10, effect)
        (found,) = decide(looks, FINAL, data, "base", ["arm"])
        assert found.state != "go on"
        assert found.looked == len(looks.at)


def test_a_look_waits_for_all_its_seeds() -> None:
    looks = plan_looks(SEEDS, 1)
    data = drawn("base", 10) + drawn("arm", 10, 0.9)
    late = [o for o in data if not (o.arm == "arm" and o.seed == 2)]
    (found,) = decide(looks, FINAL, late, "base", ["arm"])
    assert (found.looked, found.state) == (0, "go on")
    assert found.next_seeds == (2,)


def test_a_decision_does_not_depend_on_the_order_of_outcomes() -> None:
    looks = plan_looks(SEEDS, 1)
    data = drawn("base", 7) + drawn("arm", 7, 0.12)
    shuffled = [data[i] for i in np.random.default_rng(0).permutation(len(data))]
    assert decide(looks, FINAL, data, "base", ["arm"]) == decide(
        looks, FINAL, shuffled, "base", ["arm"]
    )


def test_holm_lets_an_arm_pass_once_another_is_decided() -> None:
    """At 5 % alone the second arm is shown, at 2.5 % it is not; the first arm's answer
    gives it the whole level."""
    looks = Looks(tuple(range(6)), (6,), 2)
    for seed in range(200):
        data = drawn("base", 6, seed=seed) + drawn("bb", 6, 0.16, seed=seed)
        weak = decide(looks, FINAL, data + drawn("c", 6, 0, seed), "base", ["bb", "c"])[
            0
        ]
        if 0.025 < weak.p <= 0.05 and weak.state == "no difference shown":
            break
    else:
        pytest.fail("no such draw")
    strong = drawn("c", 6, 0.9, seed)
    both = decide(looks, FINAL, data + strong, "base", ["bb", "c"])
    assert [one.state for one in both] == ["better", "better"]


def test_an_arm_does_not_win_by_its_survivors() -> None:
    looks = Looks(SEEDS, (10,), 1)
    base, arm = drawn("base", 10), drawn("arm", 10, 0.4)
    assert decide(looks, FINAL, base + arm, "base", ["arm"])[0].state == "better"
    lost = [Outcome("arm", i, math.nan, problem="diverged") for i in range(4)]
    (found,) = decide(looks, FINAL, base + lost + arm[4:], "base", ["arm"])
    assert found.state == "no difference shown"


def test_missing_pairs_leave_the_looks_in_their_places() -> None:
    looks = Looks(SEEDS, (5, 10), 1)
    base, arm = drawn("base", 10), drawn("arm", 10, 0.9)
    base[3] = Outcome("base", 3, math.nan, problem="failed")
    (found,) = decide(looks, FINAL, base + arm, "base", ["arm"])
    assert found.looked == 2
    assert found.state == "better"
    everything = [Outcome("none", i, math.nan, problem="failed") for i in range(10)]
    (nothing,) = decide(looks, FINAL, base + everything, "base", ["none"])
    assert (nothing.state, nothing.p) == ("no difference shown", 1.0)


def test_ranks_of_times_decide_too() -> None:
    looks = plan_looks(SEEDS, 1)
    base = [Outcome("base", i, 900.0, censored=True) for i in SEEDS]
    fast = [Outcome("fast", i, 100.0 + 7 * (i % 3)) for i in SEEDS]
    assert decide(looks, TIME, base + fast, "base", ["fast"])[0].state == "better"
    assert decide(looks, TIME, base + fast, "fast", ["base"])[0].state == "worse"


def test_intervals_allow_for_the_looks() -> None:
    looks = plan_looks(SEEDS, 1)
    data = drawn("base", 10) + drawn("arm", 10, 0.2)
    (several,) = sequential_effects(looks, FINAL, data, "base", ["arm"])
    (once,) = effects(FINAL, data, "base", ["arm"])
    assert several.estimate == pytest.approx(once.estimate)
    assert several.low < once.low < once.high < several.high
    assert several.shown == "better"
    assert several.low > 0
    assert f"{len(looks.at)} of {len(looks.at)} looks" in several.method

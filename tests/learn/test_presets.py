"""Presets keep their promises; minutes each, so ``make test-learn`` only."""

from dataclasses import replace

import pytest

from puckrl.config.presets import preset
from puckrl.config.run_cfg import BudgetCfg
from puckrl.study.trial import trial

pytestmark = pytest.mark.learn


def final_success(name: str, **changes: object) -> float:
    return trial(replace(preset(name), **changes)).manifest["result"]["success"]


@pytest.mark.parametrize("seed", range(3))
def test_reach_is_learned(seed: int) -> None:
    assert final_success("reach", seed=seed) >= 0.98


@pytest.mark.parametrize("name", ["push", "reach-pixels", "push-pixels"])
def test_the_promise_is_kept(name: str) -> None:
    assert final_success(name) >= preset(name).expect.success


def test_a_task_of_ones_own_is_learned() -> None:
    budget = BudgetCfg(env_steps=80_000, until_success=0.95)
    name = "examples/planar_pusher.py:PlanarPusher"
    assert final_success(name, budget=budget) >= 0.9


def test_without_hindsight_push_is_not_learned() -> None:
    # the control: the same budget, one thing changed
    replay = replace(preset("push").replay, her_ratio=0.0)
    budget = BudgetCfg(env_steps=100_000)
    assert final_success("push", replay=replay, budget=budget) < 0.3

"""Presets keep their promises; minutes each, so ``make test-learn`` only."""

from dataclasses import replace
from pathlib import Path

import pytest

from puckrl.lab import session
from puckrl.lab.config import BudgetCfg, SaveCfg
from puckrl.lab.presets import preset

pytestmark = pytest.mark.learn


def final_success(name: str, root: Path, **changes: object) -> float:
    cfg = replace(preset(name), **changes)
    cfg = replace(cfg, save=SaveCfg(every_s=0.0, tensorboard=False, video=False))
    return session.start(cfg, root).manifest()["result"]["success"]


@pytest.mark.parametrize("seed", range(3))
def test_reach_is_learned(seed: int, tmp_path: Path) -> None:
    assert final_success("reach", tmp_path, seed=seed) >= 0.98


def test_push_is_learned(tmp_path: Path) -> None:
    assert final_success("push", tmp_path) >= 0.95


def test_a_task_of_ones_own_is_learned(tmp_path: Path) -> None:
    budget = BudgetCfg(env_steps=80_000, until_success=0.95)
    name = "examples/planar_pusher.py:PlanarPusher"
    assert final_success(name, tmp_path, budget=budget) >= 0.9


def test_without_hindsight_push_is_not_learned(tmp_path: Path) -> None:
    # the control: the same budget, one thing changed
    cfg = preset("push")
    replay = replace(cfg.replay, her_ratio=0.0)
    budget = BudgetCfg(env_steps=100_000)
    assert final_success("push", tmp_path, replay=replay, budget=budget) < 0.3

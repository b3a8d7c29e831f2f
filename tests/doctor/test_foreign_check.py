"""``puck check gym:ID``: one deliberately wrong adapter for each row, and right ones."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from puckrl.config.presets import preset
from puckrl.core.types import Obs, Step
from puckrl.doctor.foreign_check import foreign_rows, protocol_rows
from puckrl.doctor.task_check import check_task
from puckrl.envs.foreign.gym_make import make_gym
from puckrl.envs.foreign.settings import ForeignCfg

HERE = "tests.envs.foreign_fakes"


class Wrong:
    """Worlds whose steps are changed on the way out."""

    def __init__(self, change: Callable[[Step, Obs], Step], kind: str) -> None:
        cfg = ForeignCfg(processes=0)
        self._worlds = make_gym(f"{HERE}:fake/{kind}-v0", cfg, 4)
        self._change, self._reused = change, dict[str, Tensor]()

    def __getattr__(self, name: str):
        return getattr(self._worlds, name)

    def step_wait(self) -> Step:
        return self._change(self._worlds.step_wait(), self._reused)


def _as_it_is(step: Step, reused: Obs) -> Step:
    return step


def _nan(step: Step, reused: Obs) -> Step:
    return step._replace(reward=step.reward * torch.nan)


def _overwritten(step: Step, reused: Obs) -> Step:
    kept = reused.setdefault("reward", step.reward.clone())
    kept.copy_(step.reward + torch.rand(1))
    return step._replace(reward=kept)


def _stale(step: Step, reused: Obs) -> Step:
    acted = {**step.obs, "state": step.obs["state"] - (~step.done)[:, None].double()}
    return step._replace(obs=acted)


def _final_is_first(step: Step, reused: Obs) -> Step:
    return step._replace(final_obs=step.obs)


def _both(step: Step, reused: Obs) -> Step:
    return step._replace(truncated=step.done, terminated=step.done)


def _limits_end(step: Step, reused: Obs) -> Step:
    return step._replace(terminated=step.done, truncated=step.done & False)


def _endless(step: Step, reused: Obs) -> Step:
    never = step.done & False
    return step._replace(terminated=never, truncated=never, obs=step.final_obs)


def _beyond(step: Step, reused: Obs) -> Step:
    far = {**step.final_obs, "state": step.final_obs["state"] + 2e6}
    return step._replace(final_obs=far, obs=far)


def _paid(step: Step, reused: Obs) -> Step:
    return step._replace(reward=step.reward + 2.0)


def _goals_move(step: Step, reused: Obs) -> Step:
    moved = {**step.final_obs, "desired_goal": step.final_obs["desired_goal"] + 0.1}
    return step._replace(final_obs=moved)


@pytest.mark.parametrize(
    ("change", "kind", "row"),
    [
        (_nan, "Count", "finite"),
        (_overwritten, "Count", "owned"),
        (_stale, "Count", "continuous"),
        (_final_is_first, "Count", "final"),
        (_both, "Count", "ends: steps that both"),
        (_limits_end, "Count", "ends: share of time limits"),
        (_endless, "Count", "ends: longest"),
        (_goals_move, "Line", "goals"),
        (_beyond, "Count", "bounds"),
        (_paid, "Line", "bounds"),
    ],
)
def test_a_wrong_adapter_is_caught_by_its_row(
    change: Callable[[Step, Obs], Step], kind: str, row: str
) -> None:
    worlds: Any = Wrong(change, kind)
    if kind == "Line":
        worlds.verify_goals(ForeignCfg())
    rows = list(protocol_rows(worlds, outside=worlds.outside))
    broken = [found.name for found in rows if not found.ok]
    assert any(name.startswith(row) for name in broken), broken


@pytest.mark.parametrize("kind", ["Count", "Ends", "Line"])
def test_right_adapters_pass(kind: str) -> None:
    worlds: Any = Wrong(_as_it_is, kind)
    rows = list(protocol_rows(worlds, outside=worlds.outside))
    assert [found.name for found in rows if not found.ok] == []


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("Nan", "finite"),
        ("Both", "time limits"),
        ("BadReward", "invent rewards"),
        ("BadEnds", "invent ends"),
    ],
)
def test_environments_that_lie_are_not_sane(kind: str, told: str) -> None:
    report = check_task(f"gym:{HERE}:fake/{kind}-v0")
    assert not report.ok
    assert told in report.verdict


def test_a_goal_environment_is_sane() -> None:
    rows = list(foreign_rows(preset(f"gym:{HERE}:fake/Line-v0")))
    assert all(row.ok for row in rows)
    assert any("do not follow" in row.name for row in rows)

"""A run in an environment of thousands of worlds, from start to end, on a fake of mjlab."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.envs.foreign.batched import BatchedWorlds
from puckrl.envs.foreign.mjlab import MjlabSource
from puckrl.report.rows import read_rows
from puckrl.runner import foreign_worlds, judging
from puckrl.runner.session import resume, start
from tests.envs.batched_fakes import FakeMjlab

CPU = torch.device("cpu")
SMALL = preset("mjlab:Fake").with_(
    **{
        "device": "cpu",
        "sim.num_worlds": 3,
        "agent.batch_size": 8,
        "agent.hidden": (8,),
        "agent.critic_bins": 11,
        "loop.compile": False,
        "loop.collect_steps": 5,
        "loop.warm_up_steps": 10,
        "loop.update_ratio": 0.2,
        "replay.capacity": 60,
        "eval.every_env_steps": 30,
        "eval.episodes": 3,
        "eval.final_episodes": 3,
        "budget.env_steps": 90,
        "save.video": False,
        "save.tensorboard": False,
    }
)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[BatchedWorlds]:
    """Make fakes in place of mjlab's environments, and judge in turn; return them."""
    every: list[BatchedWorlds] = []

    def make(
        cfg: RunCfg, num_worlds: int, seed: int, *, auto_reset: bool = True, **_: Any
    ) -> BatchedWorlds:
        source = MjlabSource(FakeMjlab(num_worlds), cfg.task, joint_limits=True)
        assert cfg.foreign is not None
        every.append(
            BatchedWorlds(
                cfg.task, source, cfg.foreign, seed=seed, auto_reset=auto_reset
            )
        )
        return every[-1]

    monkeypatch.setattr(foreign_worlds, "make_foreign", make)
    monkeypatch.setattr("puckrl.runner.worlds.make_foreign", make)
    monkeypatch.setattr(judging, "stands_beside", lambda cfg, device: False)
    return every


def test_a_run_learns_logs_and_resumes(
    made: list[BatchedWorlds], tmp_path: Path
) -> None:
    folder = start(SMALL, tmp_path / "runs")
    assert len(made) == 2  # the worlds that showed their spaces, and those of the judge
    rows = read_rows(folder.metrics)
    assert any("env/Metrics/won" in row for row in rows)
    assert any(row.get("eval/success") == 1.0 for row in rows)
    assert rows[-1]["updates"] > 0
    contract = json.loads(folder.contract.read_text())
    assert contract["task"] == "mjlab:Fake"
    longer = SMALL.with_(**{"budget.env_steps": 150})
    resume(folder, longer)
    assert folder.manifest()["fresh_episodes_at"] == [90]
    assert folder.manifest()["clock"]["env_steps"] == 150


def test_worlds_are_made_once_and_given_up_for_others(
    made: list[BatchedWorlds],
) -> None:
    foreign_worlds.foreign_spaces(SMALL)
    assert foreign_worlds.make_training_worlds(SMALL, 3) is made[0]
    assert made[0].seed == 3
    foreign_worlds.foreign_spaces(SMALL)
    other = SMALL.with_(**{"sim.num_worlds": 2})
    assert foreign_worlds.make_training_worlds(other, 0) is made[2]
    env: Any = made[1].source.env  # pyright: ignore[reportAttributeAccessIssue]
    assert env.closed == 1  # one simulation a process


def test_hindsight_without_goals_is_refused(made: list[BatchedWorlds]) -> None:
    with pytest.raises(UserError, match="her-ratio 0"):
        foreign_worlds.foreign_spaces(SMALL.with_(**{"replay.her_ratio": 0.8}))


def test_a_judge_stands_beside_and_nothing_is_filmed() -> None:
    assert judging.stands_beside(SMALL, CPU)
    with pytest.raises(UserError, match="process of its own"):
        judging.stands_beside(SMALL.with_(**{"eval.judge": "in-turn"}), CPU)
    with pytest.raises(UserError, match="not filmed"):
        foreign_worlds.make_foreign(SMALL, 1, 0, draws=True)


def test_recipes_name_their_sensors() -> None:
    assert SMALL.agent.actor_sensors[0] == "actor"
    assert SMALL.agent.critic_sensors[0] == "critic"
    assert SMALL.isaac is None
    assert preset("isaaclab:Fake").isaac is not None

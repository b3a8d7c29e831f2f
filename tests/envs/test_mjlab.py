"""mjlab itself behind the adapter, on the CPU: ``make test-mjlab``."""

import json
from pathlib import Path

import pytest
import torch

from puckrl.core.errors import UserError
from puckrl.doctor.foreign_check import protocol_rows
from puckrl.envs.foreign.batched import BatchedWorlds
from puckrl.envs.foreign.mjlab import make_mjlab
from puckrl.envs.foreign.settings import ForeignCfg
from puckrl.report.rows import read_rows
from tests.envs.batched_runs import run

pytestmark = pytest.mark.mjlab
TASK = "Mjlab-Lift-Cube-Yam"
SHORT = ForeignCfg(action_bound=1.0, joint_limits=True, horizon=12)


@pytest.fixture(scope="module")
def worlds() -> BatchedWorlds:
    """Make four worlds with episodes of twelve steps."""
    return make_mjlab(TASK, SHORT, 4, torch.device("cpu"))


def test_it_says_what_it_is(worlds: BatchedWorlds) -> None:
    of = worlds.spaces
    assert (of.action_dim, of.horizon, of.knows_success) == (7, 12, True)
    assert len(of.sensors["actor"].columns) == len(of.sensors["critic"].columns) == 29
    assert not set(of.sensors["actor"].columns) & set(of.sensors["critic"].columns)
    assert worlds.control_dt_s == pytest.approx(0.02)


def test_it_keeps_the_promises_of_worlds(worlds: BatchedWorlds) -> None:
    broken = [row.name for row in protocol_rows(worlds) if not row.ok]
    assert broken == []
    assert "Metrics/lift_height/episode_success" in worlds.take_logs()


def test_actions_reach_the_limits_of_joints(worlds: BatchedWorlds) -> None:
    worlds.reset()
    worlds.step(torch.ones(4, 7))
    env = worlds.source.env  # pyright: ignore[reportAttributeAccessIssue]
    term = env.action_manager.get_term("joint_pos")
    target = term._processed_actions[0]
    limits = term._entity.data.joint_pos_limits[0, term.target_ids, 1]
    assert torch.allclose(target, limits, atol=1e-5)


def test_a_seed_decides_the_first_episodes(worlds: BatchedWorlds) -> None:
    worlds.reseed(5)
    first = worlds.reset()["state"]
    worlds.reseed(5)
    assert torch.equal(worlds.reset()["state"], first)
    worlds.reseed(6)
    assert not torch.equal(worlds.reset()["state"], first)


def test_an_unknown_task_or_field_is_one_line() -> None:
    cpu = torch.device("cpu")
    with pytest.raises(UserError, match="task of mjlab"):
        make_mjlab("Mjlab-Lift-Cub", SHORT, 1, cpu)
    wrong = ForeignCfg(action_bound=1.0, kwargs=("scene.env_spaces=1",))
    with pytest.raises(UserError, match="env_spaces"):
        make_mjlab(TASK, wrong, 1, cpu)


def test_the_whole_command_trains_beside_its_judge(tmp_path: Path) -> None:
    folder = run(f"mjlab:{TASK}", tmp_path, "--foreign.horizon", "12")
    found = json.loads((folder / "manifest.json").read_text())
    assert found["status"] == "finished"
    assert found["result"]["episodes"] == 4
    rows = read_rows(folder / "metrics.jsonl")
    assert any("eval/success" in row for row in rows)
    assert any("env/Metrics/lift_height/episode_success" in row for row in rows)

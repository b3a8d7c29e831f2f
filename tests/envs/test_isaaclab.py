"""Isaac Lab itself behind the adapter, on the CPU: ``make test-isaaclab``.

A process has one simulation, so what is made here is made once; the run has its own.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from puckrl.core.errors import UserError
from puckrl.doctor.foreign_check import protocol_rows
from puckrl.envs.foreign.batched import BatchedWorlds
from puckrl.envs.foreign.isaaclab import make_isaaclab
from puckrl.envs.foreign.settings import ForeignCfg, IsaacCfg
from puckrl.report.rows import read_rows
from tests.envs.batched_runs import run

pytestmark = pytest.mark.isaaclab
TASK = "Isaac-Cartpole-Direct"


@pytest.fixture(scope="module")
def usd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the robot."""
    from examples.cartpole_usd import write_cartpole  # needs Isaac Lab's USD

    path = tmp_path_factory.mktemp("usd") / "cartpole.usda"
    write_cartpole(path)
    return path


@pytest.fixture(scope="module")
def worlds(usd: Path) -> Iterator[BatchedWorlds]:
    """Make four worlds with episodes of twelve steps."""
    cfg = ForeignCfg(action_bound=1.0, horizon=12)
    made = make_isaaclab(TASK, cfg, IsaacCfg((str(usd),)), 4, torch.device("cpu"))
    yield made
    made.close()


def test_it_says_what_it_is(worlds: BatchedWorlds) -> None:
    of = worlds.spaces
    assert (of.action_dim, of.horizon, of.knows_success) == (1, 12, False)
    assert of.sensors["actor"].columns == of.sensors["critic"].columns == (0, 1, 2, 3)


def test_it_keeps_the_promises_of_worlds(worlds: BatchedWorlds) -> None:
    broken = [row.name for row in protocol_rows(worlds) if not row.ok]
    assert broken == []
    assert "Metrics/success_rate" in worlds.take_logs()


def test_remote_assets_are_named_not_downloaded() -> None:
    cfg, cpu = ForeignCfg(action_bound=1.0), torch.device("cpu")
    with pytest.raises(UserError, match=r"--isaac\.usd cartpole=FILE"):
        make_isaaclab(TASK, cfg, IsaacCfg(), 4, cpu)


def test_the_whole_command_trains_beside_its_judge(usd: Path, tmp_path: Path) -> None:
    folder = run(
        f"isaaclab:{TASK}", tmp_path, "--foreign.horizon", "12", "--isaac.usd", str(usd)
    )
    found = json.loads((folder / "manifest.json").read_text())
    assert found["status"] == "finished"
    rows = read_rows(folder / "metrics.jsonl")
    assert any("eval/return" in row and "eval/success" not in row for row in rows)

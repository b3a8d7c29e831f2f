"""A run that two processes train together."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from puckrl.agents.settings import DistillCfg
from puckrl.config.run_cfg import BudgetCfg, RunCfg
from puckrl.core.errors import UserError
from puckrl.runner import session
from puckrl.runner.run_folder import RunFolder
from puckrl.training.checkpoint import Snapshot, read_state
from tests.pair import in_turn
from tests.runner.test_session import TINY, rows

# 4 worlds, 2 for each process
CFG = replace(
    TINY,
    sim=replace(TINY.sim, num_worlds=4),
    loop=replace(TINY.loop, warm_up_episodes=4, update_ratio=0.05),
)

SHORT, LONG = 400, 600
"""Env steps until a run stops, and until a resumed one does: two and three episodes a world."""


def limited(env_steps: int) -> RunCfg:
    return replace(CFG, budget=BudgetCfg(env_steps=env_steps))


def whole(folder: Path) -> None:
    session.start(limited(LONG), folder, folder / "whole")


def begin(folder: Path) -> None:
    session.start(limited(SHORT), folder, folder / "parted")


def go_on(folder: Path) -> None:
    session.resume(RunFolder(folder / "parted"), limited(LONG))


def taught(folder: Path) -> None:
    agent = DistillCfg(hidden=(16,), batch_size=8, precision="fp32")
    session.start(replace(limited(SHORT), agent=agent), folder, folder / "taught")


def go_on_hurt(folder: Path) -> None:
    session.resume(RunFolder(folder / "hurt"), limited(LONG))


def snapshots(folder: RunFolder) -> list[Snapshot]:
    return [read_state(folder.checkpoints_of(rank)) for rank in range(2)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("team")
    in_turn([whole, begin, taught], folder)
    shutil.copytree(folder / "parted", folder / "hurt")
    # As if it had been killed between the snapshots of the two: one is an iteration ahead
    ahead = RunFolder(folder / "parted").checkpoints_of(1)
    (ahead / "snapshot-000001.json").rename(ahead / "kept")
    text = (ahead / "kept").read_text()
    for serial in (1, 2):
        (ahead / f"snapshot-{serial:06d}.json").write_text(text)
    (ahead / "kept").unlink()
    # The other process's newest snapshot is damaged
    for rank, newest in ((0, None), (1, "{}")):
        kept = RunFolder(folder / "hurt").checkpoints_of(rank)
        older = (kept / "snapshot-000001.json").read_text()
        (kept / "snapshot-000002.json").write_text(newest or older)
    in_turn([go_on, go_on_hurt], folder)
    return folder


@pytest.mark.parametrize("name", ["whole", "taught"])
def test_both_hold_the_same_networks_and_play_in_other_worlds(
    root: Path, name: str
) -> None:
    one, other = snapshots(RunFolder(root / name))
    agent = [name for name in one.tensors if name.startswith("agent.")]
    assert agent
    for name in agent:
        assert torch.equal(one.tensors[name], other.tensors[name]), name
    assert not torch.equal(one.tensors["obs.state"], other.tensors["obs.state"])
    assert one.tensors["obs.state"].shape[0] == 2


def test_clocks_and_rows_count_as_one_process_does(root: Path, tmp_path: Path) -> None:
    one, alone = RunFolder(root / "whole"), session.start(limited(LONG), tmp_path)
    counted = ("env_steps", "updates", "episodes")
    for folder in (one, alone):
        clock = folder.manifest()["clock"]
        assert [clock[name] for name in counted] == [LONG, 30, 12]
    theirs, ours = (
        [[row[name] for name in counted] for row in rows(folder) if "episodes" in row]
        for folder in (alone, one)
    )
    assert ours == theirs


def test_a_resumed_team_goes_on_bit_for_bit(root: Path) -> None:
    folders = RunFolder(root / "whole"), RunFolder(root / "parted")
    for one, other in zip(*map(snapshots, folders), strict=True):
        assert one.tensors.keys() == other.tensors.keys()
        for name, value in one.tensors.items():
            assert torch.equal(value, other.tensors[name]), name


def test_a_team_of_another_size_is_refused(root: Path) -> None:
    with pytest.raises(UserError, match=r"by 2 processes, not 1.*--nproc-per-node 2"):
        session.resume(RunFolder(root / "whole"), limited(2000))


def test_all_go_back_where_one_has_a_damaged_snapshot(root: Path) -> None:
    assert rows(RunFolder(root / "hurt")) == rows(RunFolder(root / "whole"))

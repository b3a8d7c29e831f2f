"""One process's part of a run."""

from dataclasses import replace

import pytest

from puckrl.agents.settings import DistillCfg
from puckrl.config.fields import settings
from puckrl.config.presets import preset
from puckrl.core import team
from puckrl.core.errors import UserError
from puckrl.runner.shard import shard


def test_worlds_batches_and_memory_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = preset("push-pixels-gpu")
    whole = replace(whole, loop=replace(whole.loop, overlap=False))
    assert shard(whole) == whole
    monkeypatch.setattr(team._team, "size", 4)
    part = shard(whole)
    assert part.sim.num_worlds == 256
    assert isinstance(part.agent, DistillCfg)
    assert (part.agent.batch_size, part.agent.student_batch) == (256, 64)
    assert part.replay.capacity == 250_000
    assert (part.loop.warm_up_episodes, part.loop.normalize_episodes) == (100, 200)
    assert part.loop.update_ratio == whole.loop.update_ratio


def test_several_processes_do_not_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = preset("push-gpu")
    cfg = replace(cfg, loop=replace(cfg.loop, overlap=True))
    assert shard(cfg) == cfg
    monkeypatch.setattr(team._team, "size", 2)
    with pytest.raises(
        UserError, match=r"^--loop\.overlap is for one process; add --loop"
    ):
        shard(cfg)


def test_nothing_else_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = preset("pick-place-pixels-gpu")
    whole = replace(whole, loop=replace(whole.loop, overlap=False))
    monkeypatch.setattr(team._team, "size", 2)
    before, after = (
        {s.name: s.value for s in settings(c)} for c in (whole, shard(whole))
    )
    assert {name for name in before if before[name] != after[name]} == {
        *("sim.num_worlds", "agent.batch_size", "agent.student_batch"),
        *("replay.capacity", "loop.warm_up_episodes", "loop.normalize_episodes"),
    }


def test_unequal_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team._team, "size", 3)
    with pytest.raises(UserError, match=r"num-worlds 1024 .* multiple of 3"):
        shard(preset("push-gpu"))
    cfg = preset("push-gpu")
    replay = replace(cfg.replay, capacity=1_000_001)
    cfg = replace(cfg, sim=replace(cfg.sim, num_worlds=900), replay=replay)
    with pytest.raises(UserError, match=r"^--agent.batch-size 1024 cannot be split"):
        shard(cfg)

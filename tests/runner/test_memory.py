"""Memory that is free for a replay buffer."""

import json
import multiprocessing
import os
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from puckrl.config.presets import preset
from puckrl.config.run_cfg import BudgetCfg, SaveCfg
from puckrl.runner import memory
from puckrl.runner.memory import Memory, announced, memory_of, no_room_on_disk
from puckrl.tasks.catalog import make_task

GB = 10**9
RUN = Memory(100.0, 5 * GB, "RAM", 20 * GB, 10, 5 * GB)


@pytest.fixture(autouse=True)
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(memory, "_board", lambda: tmp_path / "board")
    return tmp_path / "board"


def _announce(board: Path, ready: object, done: object) -> None:
    """Another living run."""
    memory._board = lambda: board
    with announced(RUN):
        ready.set()  # type: ignore[attr-defined]
        done.wait(30)  # type: ignore[attr-defined]


def test_a_run_counts_what_another_living_one_has_still_to_take(board: Path) -> None:
    assert memory._promised("RAM") == 0
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_announce, args=(board, ready, done))
    other.start()
    try:
        assert ready.wait(60)
        to_come = memory._promised("RAM")
        # less the pages that the other process holds already
        assert 5 * GB - 2 * GB < to_come < 5 * GB
    finally:
        done.set()
        other.join()
    assert memory._promised("RAM") == 0
    assert list(board.iterdir()) == []


def test_a_dead_runs_note_and_ones_own_count_nothing(board: Path) -> None:
    board.mkdir()
    (board / "999999999").write_text(json.dumps({"RAM": 5 * GB}))
    (board / "rubbish").write_text("x")
    with announced(RUN):
        assert own_note(board) == {"RAM": 5 * GB}
        assert memory._promised("RAM") == 0
        # a number is given anew some day: a dead run's note must not stand there then
        assert [note.name for note in board.iterdir()] == [str(os.getpid())]


def own_note(board: Path) -> dict[str, int]:
    return json.loads((board / str(os.getpid())).read_text())


def test_a_buffer_on_the_gpu_is_promised_there_until_it_is_allocated(
    board: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with announced(replace(RUN, where="GPU", gpu="f00d")):
        assert own_note(board) == {"GPU f00d": 5 * GB}
        as_seen_by_another = os.getppid()
        monkeypatch.setattr(os, "getpid", lambda: as_seen_by_another)
        (board / "rubbish").write_text("5")
        assert memory._promised("GPU f00d") == 5 * GB
        assert memory._promised("GPU beef") == memory._promised("RAM") == 0
        monkeypatch.undo()
        monkeypatch.setattr(memory, "_board", lambda: board)
        memory.allocated()
        assert own_note(board) == {"GPU f00d": 0}
    assert not (board / str(os.getpid())).exists()


def test_a_plan_subtracts_what_was_announced_for_its_own_gpu_only(
    board: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuids = ["f00d", "beef"]  # of cuda:0 and cuda:1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (80 * GB, 90 * GB))
    monkeypatch.setattr(memory, "gpu_uuid", lambda device: uuids[device.index or 0])
    board.mkdir()
    (board / str(os.getppid())).write_text(json.dumps({"GPU f00d": 30 * GB}))
    for device, free in (("cuda", 50), ("cuda:0", 50), ("cuda:1", 80)):
        cfg = replace(preset("push"), device=device)
        found = memory_of(cfg, make_task("push").spaces)
        assert (found.where, found.free) == ("GPU", free * GB)
        assert found.board_key == f"GPU {uuids[device == 'cuda:1']}"
    assert memory.other_runs() == [os.getppid()]


def test_what_nobody_was_told_of_need_not_be_withdrawn(board: Path) -> None:
    memory.allocated()
    assert not board.exists()


def test_snapshots_hold_what_will_be_played_at_most_the_replay_or_nothing() -> None:
    cfg, spaces = preset("push"), make_task("push").spaces
    whole = memory_of(replace(cfg, budget=BudgetCfg(env_steps=10**9)), spaces)
    assert whole.snapshots == whole.replay
    some = memory_of(replace(cfg, budget=BudgetCfg(env_steps=5_000)), spaces)
    assert some.snapshots == int(5_000 * some.per_transition)
    none = memory_of(replace(cfg, save=SaveCfg(replay=False)), spaces)
    assert none.snapshots == 0


def test_a_tenth_of_what_is_free_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert replace(RUN, replay=9 * GB, free=10 * GB).fits
    assert not replace(RUN, replay=9 * GB + 1, free=10 * GB).fits
    monkeypatch.setattr(memory, "_free", lambda cfg, images: ("RAM", 10 * GB, ""))
    found = memory_of(preset("push"), make_task("push").spaces)
    assert found.largest_capacity == int(9 * GB / found.per_transition)


def test_a_disk_without_room_for_the_snapshots_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Usage = namedtuple("Usage", "total used free")
    for free, told in ((6 * GB, False), (5 * GB, True)):  # a tenth is left alone
        usage = Usage(9 * GB, 0, free)
        monkeypatch.setattr(shutil, "disk_usage", lambda path, usage=usage: usage)
        found = no_room_on_disk(RUN, tmp_path)
        assert bool(found) == told
        assert all("--save.no-replay" in finding.text for finding in found)


def test_an_unwritable_board_stops_nobody(board: Path) -> None:
    board.write_text("a file")
    with announced(RUN):
        assert memory._promised("RAM") == 0


def test_a_containers_limit_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = tmp_path / "group"
    group.mkdir()
    monkeypatch.setattr(memory, "_CGROUP", group)
    assert memory._free_in_group() == float("inf")
    (group / "memory.max").write_text("max\n")
    assert memory._free_in_group() == float("inf")
    (group / "memory.max").write_text(f"{8 * GB}\n")
    (group / "memory.current").write_text(f"{5 * GB}\n")
    (group / "memory.stat").write_text(f"anon 1\ninactive_file {GB}\n")
    assert memory._free_in_group() == 4 * GB

"""Snapshots: atomic, hashed, incremental, with the previous one as a fallback."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from puckrl.core.errors import UserError
from puckrl.core.types import BatchSpec, Spaces, Step
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.layout import bytes_per_episode
from puckrl.replay.settings import ReplayCfg
from puckrl.training.checkpoint import Checkpoints, read_state
from tests.replay import counting

CPU = torch.device("cpu")
SPACES = Spaces(state_dim=2, goal_dim=1, action_dim=1, horizon=3)
WORLDS = 2


def make_buffer(capacity: int = 30) -> EpisodeReplayBuffer:
    def never(achieved: torch.Tensor, desired: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(achieved))

    return EpisodeReplayBuffer(
        ReplayCfg(capacity=capacity), SPACES, WORLDS, never, never, CPU, CPU
    )


def observation(value: float) -> dict[str, torch.Tensor]:
    return {
        "state": torch.full((WORLDS, 2), value),
        "achieved_goal": torch.full((WORLDS, 1), value),
        "desired_goal": torch.full((WORLDS, 1), -value),
    }


def play(replay: EpisodeReplayBuffer, episodes: int, start: float) -> None:
    """Add one episode per world at a time; values count up from ``start``."""
    replay.begin(observation(start))
    for index in range(episodes // WORLDS):
        for time in range(SPACES.horizon):
            last = time == SPACES.horizon - 1
            value = start + 100 * index + time + 1
            following = observation(start + 100 * (index + 1) if last else value)
            done = torch.full((WORLDS,), last)
            step = Step.recorded(observation(value), done, following)
            replay.add(torch.zeros(WORLDS, 1), step)


def staged(replay: EpisodeReplayBuffer) -> dict[str, torch.Tensor]:
    return {f"replay.{name}": rows for name, rows in replay.snapshot().items()}


def save(checkpoints: Checkpoints, replay: EpisodeReplayBuffer, mark: float) -> None:
    tensors = {"mark": torch.tensor([mark]), **staged(replay)}
    checkpoints.save(tensors, {"mark": mark}, replay)


def test_a_snapshot_brings_everything_back(tmp_path: Path) -> None:
    replay, checkpoints = make_buffer(), Checkpoints(tmp_path)
    play(replay, 4, start=1.0)
    save(checkpoints, replay, mark=7.0)

    again = make_buffer()
    snapshot = Checkpoints(tmp_path).load(again)
    assert snapshot.scalars == {"mark": 7.0}
    assert snapshot.tensors["mark"].item() == 7.0
    assert again.added == 4
    assert len(again) == len(replay)
    for name, rows in replay.rows.items():
        assert torch.equal(rows, again.rows[name]), name


def test_an_older_snapshot_brings_nothing_of_a_newer(tmp_path: Path) -> None:
    replay, checkpoints = make_buffer(), Checkpoints(tmp_path)
    for mark in (1.0, 2.0):
        play(replay, 4, start=1000 * mark)
        save(checkpoints, replay, mark)
    again, kept = make_buffer(), Checkpoints(tmp_path)
    assert kept.load(again).scalars == {"mark": 2.0}
    assert kept.load(again, newest=1).scalars == {"mark": 1.0}
    assert (again.added, len(again)) == (4, len(replay) // 2)
    drawn = again.sample(BatchSpec(500), torch.Generator().manual_seed(0)).obs["state"]
    assert float(drawn.max()) < 2000


def test_without_a_replay_it_holds_the_state_only(tmp_path: Path) -> None:
    replay = make_buffer()
    play(replay, 4, start=1.0)
    save(Checkpoints(tmp_path), replay, mark=6.0)
    assert list(tmp_path.glob("episodes-*"))
    bare = Checkpoints(tmp_path, replay=False)
    for mark in (7.0, 8.0):  # after two of them no kept snapshot needs the episodes
        bare.save({"mark": torch.tensor([mark])}, {}, replay)
    assert not list(tmp_path.glob("episodes-*"))
    assert read_state(tmp_path).tensors["mark"].item() == 8.0


def test_only_new_episodes_are_written_again(tmp_path: Path) -> None:
    replay, checkpoints = make_buffer(capacity=300), Checkpoints(tmp_path)
    play(replay, 4, start=1.0)
    save(checkpoints, replay, 1)
    first = tmp_path / "episodes-0-4.safetensors"
    written = first.stat().st_mtime_ns
    play(replay, 2, start=9.0)
    save(checkpoints, replay, 2)
    assert first.stat().st_mtime_ns == written
    assert (tmp_path / "episodes-4-6.safetensors").exists()
    again = make_buffer(capacity=300)
    Checkpoints(tmp_path).load(again)
    assert torch.equal(again.rows["state"], replay.rows["state"])


def test_two_snapshots_are_kept_and_outgrown_episodes_are_dropped(
    tmp_path: Path,
) -> None:
    replay, checkpoints = (
        make_buffer(capacity=12),
        Checkpoints(tmp_path),
    )  # four episodes
    for index in range(5):
        play(replay, 2, start=10.0 * index)
        save(checkpoints, replay, index)
    assert len(list(tmp_path.glob("snapshot-*.json"))) == 2
    assert len(list(tmp_path.glob("state-*"))) == 2
    chunks = sorted(p.name for p in tmp_path.glob("episodes-*"))
    # the older snapshot (8 episodes added) needs 4 ... 8, the newer 6 ... 10
    assert chunks == [
        f"episodes-{a}-{b}.safetensors" for a, b in ((4, 6), (6, 8), (8, 10))
    ]
    again = make_buffer(capacity=12)
    Checkpoints(tmp_path).load(again)
    assert torch.equal(again.rows["state"], replay.rows["state"])


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, Path.unlink])
@pytest.mark.parametrize("which", ["state-000002", "snapshot-000002", "episodes-4-6"])
def test_a_damaged_file_falls_back_with_a_warning(
    tmp_path: Path, damage, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    replay, checkpoints = make_buffer(capacity=300), Checkpoints(tmp_path)
    play(replay, 4, start=1.0)
    save(checkpoints, replay, 1)
    play(replay, 2, start=9.0)
    save(checkpoints, replay, 2)
    (path,) = tmp_path.glob(f"{which}*")
    damage(path)
    again = make_buffer(capacity=300)
    snapshot = Checkpoints(tmp_path).load(again)
    assert snapshot.scalars == {"mark": 1}
    assert again.added == 4
    assert len(again) == 4 * SPACES.horizon
    if damage is not Path.unlink or which != "snapshot-000002":
        assert "trying the one before" in caplog.text


def test_a_damaged_shared_chunk_costs_only_its_episodes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    replay, checkpoints = make_buffer(capacity=300), Checkpoints(tmp_path)
    play(replay, 4, start=1.0)
    save(checkpoints, replay, 1)
    play(replay, 2, start=9.0)
    save(checkpoints, replay, 2)
    flip_a_bit(tmp_path / "episodes-0-4.safetensors")
    again = make_buffer(capacity=300)
    snapshot = Checkpoints(tmp_path).load(again)
    assert snapshot.scalars == {"mark": 2}
    assert len(again) == 2 * SPACES.horizon
    assert "4 episodes are lost" in caplog.text
    batch = again.sample(BatchSpec(64), torch.Generator().manual_seed(0))
    assert (batch.obs["state"] >= 9.0).all()


def test_nothing_usable_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no usable snapshot"):
        Checkpoints(tmp_path).load(make_buffer())
    with pytest.raises(UserError, match="no usable snapshot"):
        read_state(tmp_path)


def test_a_failed_write_leaves_the_earlier_snapshot_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay, checkpoints = make_buffer(), Checkpoints(tmp_path)
    play(replay, 2, start=1.0)
    save(checkpoints, replay, 1)
    before = sorted(p.name for p in tmp_path.iterdir())

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("puckrl.training.checkpoint.os.fsync", full)
    play(replay, 2, start=5.0)
    with pytest.raises(OSError, match="No space left"):
        save(checkpoints, replay, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert read_state(tmp_path).scalars == {"mark": 1}


def test_leftovers_of_a_killed_write_are_swept_away(tmp_path: Path) -> None:
    replay, checkpoints = make_buffer(), Checkpoints(tmp_path)
    (tmp_path / "state-000001.safetensors.tmp").write_bytes(b"half")
    play(replay, 2, start=1.0)
    save(checkpoints, replay, 1)
    assert not list(tmp_path.glob("*.tmp"))


def seeing() -> EpisodeReplayBuffer:
    return EpisodeReplayBuffer(
        ReplayCfg(capacity=23 * counting.HORIZON),
        counting.SEEING,
        5,
        counting.reward,
        counting.terminated,
        CPU,
        CPU,
    )


def test_frames_of_stored_episodes_and_of_those_under_way_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # four episodes a file: a run with images would hold gigabytes in memory otherwise
    size = bytes_per_episode(counting.SEEING)
    monkeypatch.setattr("puckrl.training.checkpoint._CHUNK_BYTES", 4 * size + 1)
    replay, checkpoints = seeing(), Checkpoints(tmp_path)
    worlds = counting.CountingWorlds(replay, 5, torch.Generator().manual_seed(1))
    for steps in (11, 13):  # in the middle of episodes
        for _ in range(steps):
            worlds.step()
        save(checkpoints, replay, steps)
    spans = sorted(
        tuple(map(int, path.stem.split("-")[1:])) for path in tmp_path.glob("episodes*")
    )
    assert max(last - first for first, last in spans) == 4
    assert spans[-1][1] == replay.added
    assert all(a[1] == b[0] for a, b in pairwise(spans))

    again = seeing()
    Checkpoints(tmp_path).load(again)
    twin = worlds.recording_into(again)
    for each in (worlds, twin):
        for _ in range(counting.HORIZON):
            each.step()
    one, two = (
        r.sample(BatchSpec(500), torch.Generator().manual_seed(2))
        for r in (replay, again)
    )
    for a, b in ((one.obs, two.obs), (one.next_obs, two.next_obs)):
        assert "pixels" in a
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_one_chunk_is_in_memory_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("puckrl.training.checkpoint._CHUNK_BYTES", 1)
    replay, checkpoints = make_buffer(), Checkpoints(tmp_path)
    play(replay, 6, start=1.0)
    save(checkpoints, replay, 1)
    assert len(list(tmp_path.glob("episodes-*"))) == 6
    again, sizes = make_buffer(), list[int]()
    put = again.load

    def spy(first: int, rows: dict[str, torch.Tensor]) -> None:
        sizes.append(len(rows["length"]))
        put(first, rows)

    monkeypatch.setattr(again, "load", spy)
    Checkpoints(tmp_path).load(again)
    assert sizes == [1] * 6
    assert torch.equal(again.rows["state"], replay.rows["state"])

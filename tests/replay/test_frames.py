"""Images in the ring against worlds that show where they are, and a slow oracle."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Batch, BatchSpec, PixelSpace, Spaces
from puckrl.replay import frames
from puckrl.replay.episodes import EpisodeReplayBuffer, ReplayCfg
from puckrl.replay.frames import Place
from tests import oracles
from tests.replay.counting import (
    HEIGHT,
    HORIZON,
    SEEING,
    SPACES,
    STACK,
    WIDTH,
    CountingWorlds,
    Episode,
    picture,
    reward,
    terminated,
)

CPU = torch.device("cpu")
WORLDS = 5
CAPACITY = 23  # episodes: no multiple of the worlds, so writes straddle the wrap
PLACES: list[Place] = ["device", "cpu", "disk"]


def make_ring(place: Place = "device", spaces: Spaces = SEEING) -> EpisodeReplayBuffer:
    cfg = ReplayCfg(CAPACITY * HORIZON, frames_on=place)
    return EpisodeReplayBuffer(cfg, spaces, WORLDS, reward, terminated, CPU, CPU)


def play(ring: EpisodeReplayBuffer, steps: int) -> list[Episode]:
    """The episodes that the ring should hold after some steps."""
    worlds = CountingWorlds(ring, WORLDS, torch.Generator().manual_seed(1))
    for _ in range(steps):
        worlds.step()
    return worlds.kept[-CAPACITY:]


def expected(kept: list[Episode], state: list[float]) -> tuple[Tensor, Tensor]:
    """The stacks before and after the step that began in ``state``."""
    counter, world, number = map(int, state)
    [episode] = [e for e in kept if (e.world, e.number) == (world, number)]
    step = counter - episode.first
    assert 0 <= step < episode.length
    seen = [
        picture(episode.first + t, world, number) for t in range(episode.length + 1)
    ]
    before, after = (oracles.frame_stack(seen, t, STACK) for t in (step, step + 1))
    return torch.tensor(before), torch.tensor(after)


def sample(ring: EpisodeReplayBuffer, count: int = 500) -> Batch:
    return ring.sample(BatchSpec(count), torch.Generator().manual_seed(3))


def assert_same(one: Batch, two: Batch) -> None:
    for a, b in ((one.obs, two.obs), (one.next_obs, two.next_obs)):
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert torch.equal(one.action, two.action)
    assert torch.equal(one.reward, two.reward)
    assert torch.equal(one.terminated, two.terminated)


def test_without_looking_ahead_the_rest_is_the_same_and_has_no_gaps() -> None:
    ring = make_ring()
    play(ring, 40)
    ahead = sample(ring)
    batch = ring.sample(
        BatchSpec(500, next_pixels=False), torch.Generator().manual_seed(3)
    )
    assert batch.obs["pixels"].is_contiguous()
    assert_same(
        batch._replace(next_obs={**batch.next_obs, "pixels": ahead.next_obs["pixels"]}),
        ahead,
    )


# 8 steps: a few episodes · 40: the ring fills · 200: it has wrapped many times
@pytest.mark.parametrize("steps", [8, 40, 200])
@pytest.mark.parametrize("place", PLACES)
def test_every_stack_is_what_the_oracle_remembers(place: Place, steps: int) -> None:
    # lengths differ, some episodes lost a last step in which the physics failed, four
    # of five goals are hindsight goals
    ring = make_ring(place)
    kept = play(ring, steps)
    assert len({episode.length for episode in kept}) > 1
    batch = sample(ring)
    now, then = batch.obs["pixels"], batch.next_obs["pixels"]
    assert now.dtype == then.dtype == torch.uint8
    assert now.shape == then.shape == (500, STACK * 3, HEIGHT, WIDTH)
    for state, before, after in zip(
        batch.obs["state"].tolist(), now, then, strict=True
    ):
        wanted = expected(kept, state)
        assert torch.equal(before, wanted[0].to(torch.uint8)), state
        assert torch.equal(after, wanted[1].to(torch.uint8)), state


def test_the_stack_after_the_last_step_of_a_shortened_episode() -> None:
    ring = make_ring()
    worlds = CountingWorlds(ring, WORLDS, torch.Generator().manual_seed(1), failing=1.0)
    worlds.planned = [3] * WORLDS
    for _ in range(3):
        worlds.step()
    assert [episode.length for episode in worlds.kept] == [2] * WORLDS
    batch = sample(ring)
    step, newest = batch.obs["state"][:, 0], batch.next_obs["pixels"][:, -3, 0, 0]
    assert step.unique().tolist() == [0, 1]
    assert torch.equal(newest, (step + 1).to(torch.uint8))


@pytest.mark.parametrize("stack", [1, 2, 9])
def test_stacks_of_any_depth(stack: int) -> None:
    # 9: deeper than an episode is long
    spaces = replace(SEEING, pixels=PixelSpace(HEIGHT, WIDTH, 3, stack))
    ring = make_ring(spaces=spaces)
    play(ring, 40)
    batch = sample(ring)
    counters = batch.obs["pixels"][:, ::3, 0, 0].long()
    after = batch.next_obs["pixels"][:, ::3, 0, 0].long()
    assert counters.shape == (500, stack)
    assert torch.equal(counters[:, -1], batch.obs["state"][:, 0].long())
    assert torch.equal(after[:, -1], counters[:, -1] + 1)
    assert torch.equal(after[:, :-1], counters[:, 1:])
    rises = counters.diff(dim=1)
    assert ((rises == 0) | (rises == 1)).all()
    assert (rises.diff(dim=1) >= 0).all()  # it stands still only at the beginning


def test_images_are_stored_once_and_looked_up_once() -> None:
    batch_of = make_ring()
    play(batch_of, 40)
    batch = sample(batch_of)
    now, then = batch.obs["pixels"], batch.next_obs["pixels"]
    assert now.untyped_storage().data_ptr() == then.untyped_storage().data_ptr()
    assert now.untyped_storage().nbytes() == 500 * (STACK + 1) * 3 * HEIGHT * WIDTH


def test_without_a_camera_nothing_is_kept_and_nothing_else_changes() -> None:
    blind, seeing = make_ring(spaces=SPACES), make_ring()
    play(blind, 40)
    play(seeing, 40)
    batch = sample(seeing)
    del batch.obs["pixels"], batch.next_obs["pixels"]
    assert_same(sample(blind), batch)
    assert "frame" not in blind.export(blind.oldest, blind.added)
    assert "frame" not in blind.snapshot()


@pytest.mark.parametrize("place", PLACES)
def test_exported_frames_come_back_in_place_and_the_future_is_the_same(
    place: Place,
) -> None:
    ring, other = make_ring(), make_ring(place)
    worlds = CountingWorlds(ring, WORLDS, torch.Generator().manual_seed(1))
    for _ in range(200):
        worlds.step()
    middle = ring.oldest + 9
    for first, last in ((ring.oldest, middle), (middle, ring.added)):
        rows = ring.export(first, last)
        assert rows["frame"].dtype == torch.uint8
        other.load(first, rows)
    other.restore(ring.snapshot(), ring.added)
    assert_same(sample(ring), sample(other))
    # the episodes under way had frames, too
    twin = worlds.recording_into(other)
    for each in (worlds, twin):
        for _ in range(HORIZON):
            each.step()
    assert_same(sample(ring), sample(other))


def test_only_what_is_asked_for_is_exported() -> None:
    ring = make_ring()
    play(ring, 40)
    rows = ring.export(ring.oldest, ring.added, ["state"])
    assert rows.keys() == {"state", "length"}
    whole = ring.export(ring.oldest, ring.added)
    assert torch.equal(rows["state"], whole["state"])


def test_the_file_is_gone_while_it_is_in_use(tmp_path: Path) -> None:
    cfg = ReplayCfg(CAPACITY * HORIZON, frames_on="disk", frames_folder=str(tmp_path))
    ring = EpisodeReplayBuffer(cfg, SEEING, WORLDS, reward, terminated, CPU, CPU)
    assert list(tmp_path.iterdir()) == []
    play(ring, 8)
    assert sample(ring).obs["pixels"].any()


def test_a_full_or_missing_disk_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = str(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no folder"):
        frames.make_frames(SEEING, 3, "disk", CPU, nowhere)
    full = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(frames.shutil, "disk_usage", lambda _: full)
    with pytest.raises(UserError, match=r"lower --replay\.capacity"):
        frames.make_frames(SEEING, 100, "disk", CPU, str(tmp_path))


@pytest.mark.gpu
@pytest.mark.parametrize("place", PLACES)
def test_batches_on_a_gpu_from_frames_anywhere(
    place: Place, device: torch.device
) -> None:
    cfg = ReplayCfg(CAPACITY * HORIZON, frames_on=place)
    ring = EpisodeReplayBuffer(cfg, SEEING, WORLDS, reward, terminated, device, CPU)
    where = device.type if place == "device" else "cpu"
    assert ring.rows["frame"].device.type == where
    kept = play(ring, 200)
    batch = ring.sample(BatchSpec(500), torch.Generator(device).manual_seed(3))
    assert batch.obs["pixels"].device.type == device.type
    now, then = batch.obs["pixels"].cpu(), batch.next_obs["pixels"].cpu()
    for i, state in enumerate(batch.obs["state"].tolist()):
        before, after = expected(kept, state)
        assert torch.equal(now[i], before.to(torch.uint8))
        assert torch.equal(then[i], after.to(torch.uint8))

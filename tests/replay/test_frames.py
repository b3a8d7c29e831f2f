"""Images in the buffer, compared with a slow oracle."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Batch, BatchSpec, PixelSpace, Spaces
from puckrl.replay import frames
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.settings import Place, ReplayCfg
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
    image,
    reward,
    terminated,
)

CPU = torch.device("cpu")
WORLDS = 5
CAPACITY = 23  # episodes: no multiple of the worlds, so writes straddle the wrap
PLACES: list[Place] = ["device", "cpu", "disk"]


def make_buffer(
    place: Place = "device", spaces: Spaces = SEEING
) -> EpisodeReplayBuffer:
    cfg = ReplayCfg(CAPACITY * HORIZON, frames_on=place)
    return EpisodeReplayBuffer(cfg, spaces, WORLDS, reward, terminated, CPU, CPU)


def play(buffer: EpisodeReplayBuffer, steps: int) -> list[Episode]:
    """Return the episodes that the buffer should hold after ``steps`` steps."""
    worlds = CountingWorlds(buffer, WORLDS, torch.Generator().manual_seed(1))
    for _ in range(steps):
        worlds.step()
    return worlds.kept[-CAPACITY:]


def expected(kept: list[Episode], state: list[float]) -> tuple[Tensor, Tensor]:
    """Return the stacks before and after the step that began in ``state``."""
    counter, world, number = map(int, state)
    [episode] = [e for e in kept if (e.world, e.number) == (world, number)]
    step = counter - episode.first
    assert 0 <= step < episode.length
    seen = [image(episode.first + t, world, number) for t in range(episode.length + 1)]
    before, after = (oracles.frame_stack(seen, t, STACK) for t in (step, step + 1))
    return torch.tensor(before), torch.tensor(after)


def sample(buffer: EpisodeReplayBuffer, count: int = 500) -> Batch:
    return buffer.sample(BatchSpec(count), torch.Generator().manual_seed(3))


def assert_same(one: Batch, two: Batch) -> None:
    for a, b in ((one.obs, two.obs), (one.next_obs, two.next_obs)):
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert torch.equal(one.action, two.action)
    assert torch.equal(one.reward, two.reward)
    assert torch.equal(one.terminated, two.terminated)


def test_without_next_pixels_the_rest_is_the_same_and_contiguous() -> None:
    buffer = make_buffer()
    play(buffer, 40)
    complete = sample(buffer)
    batch = buffer.sample(
        BatchSpec(500, next_pixels=False), torch.Generator().manual_seed(3)
    )
    assert batch.obs["pixels"].is_contiguous()
    assert_same(
        batch._replace(
            next_obs={**batch.next_obs, "pixels": complete.next_obs["pixels"]}
        ),
        complete,
    )


def test_later_pixels_are_of_a_later_step_of_the_same_episode() -> None:
    buffer = make_buffer()
    kept = play(buffer, 120)
    spec = BatchSpec(300, next_pixels=False, later_pixels=True)
    batch = buffer.sample(spec, torch.Generator().manual_seed(3))
    ahead: set[int] = set()
    for state, later in zip(
        batch.obs["state"].tolist(), batch.obs["later_pixels"], strict=True
    ):
        counter, world, number = map(int, state)
        [episode] = [e for e in kept if (e.world, e.number) == (world, number)]
        step = counter - episode.first
        seen = [
            image(episode.first + t, world, number) for t in range(episode.length + 1)
        ]
        matching = [
            t
            for t in range(step + 1, episode.length + 1)
            if torch.equal(torch.tensor(oracles.frame_stack(seen, t, STACK)), later)
        ]
        assert len(matching) == 1
        ahead.add(matching[0] - step)
    assert len(ahead) > 3


# 8 steps: a few episodes · 40: the buffer fills · 200: it has wrapped many times
@pytest.mark.parametrize("steps", [8, 40, 200])
@pytest.mark.parametrize("place", PLACES)
def test_every_stack_equals_the_oracles(place: Place, steps: int) -> None:
    # lengths differ, some episodes lost a last step in which the physics failed, four
    # of five goals are hindsight goals
    buffer = make_buffer(place)
    kept = play(buffer, steps)
    assert len({episode.length for episode in kept}) > 1
    batch = sample(buffer)
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
    buffer = make_buffer()
    worlds = CountingWorlds(
        buffer, WORLDS, torch.Generator().manual_seed(1), failing=1.0
    )
    worlds.planned = [3] * WORLDS
    for _ in range(3):
        worlds.step()
    assert [episode.length for episode in worlds.kept] == [2] * WORLDS
    batch = sample(buffer)
    step, newest = batch.obs["state"][:, 0], batch.next_obs["pixels"][:, -3, 0, 0]
    assert step.unique().tolist() == [0, 1]
    assert torch.equal(newest, (step + 1).to(torch.uint8))


@pytest.mark.parametrize("stack", [1, 2, 9])
def test_stacks_of_any_depth(stack: int) -> None:
    # 9: deeper than an episode is long
    spaces = replace(SEEING, pixels=PixelSpace(HEIGHT, WIDTH, 3, stack))
    buffer = make_buffer(spaces=spaces)
    play(buffer, 40)
    batch = sample(buffer)
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
    batch_of = make_buffer()
    play(batch_of, 40)
    batch = sample(batch_of)
    now, then = batch.obs["pixels"], batch.next_obs["pixels"]
    assert now.untyped_storage().data_ptr() == then.untyped_storage().data_ptr()
    assert now.untyped_storage().nbytes() == 500 * (STACK + 1) * 3 * HEIGHT * WIDTH


def test_without_a_camera_nothing_is_kept_and_nothing_else_changes() -> None:
    blind, seeing = make_buffer(spaces=SPACES), make_buffer()
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
    buffer, other = make_buffer(), make_buffer(place)
    worlds = CountingWorlds(buffer, WORLDS, torch.Generator().manual_seed(1))
    for _ in range(200):
        worlds.step()
    middle = buffer.oldest + 9
    for first, last in ((buffer.oldest, middle), (middle, buffer.added)):
        rows = buffer.export(first, last)
        assert rows["frame"].dtype == torch.uint8
        other.load(first, rows)
    other.restore(buffer.snapshot(), buffer.added)
    assert_same(sample(buffer), sample(other))
    # the unfinished episodes had frames, too
    twin = worlds.recording_into(other)
    for each in (worlds, twin):
        for _ in range(HORIZON):
            each.step()
    assert_same(sample(buffer), sample(other))


def test_only_what_is_asked_for_is_exported() -> None:
    buffer = make_buffer()
    play(buffer, 40)
    rows = buffer.export(buffer.oldest, buffer.added, ["state"])
    assert rows.keys() == {"state", "length"}
    whole = buffer.export(buffer.oldest, buffer.added)
    assert torch.equal(rows["state"], whole["state"])


def test_the_file_is_gone_while_it_is_in_use(tmp_path: Path) -> None:
    cfg = ReplayCfg(CAPACITY * HORIZON, frames_on="disk", frames_folder=str(tmp_path))
    buffer = EpisodeReplayBuffer(cfg, SEEING, WORLDS, reward, terminated, CPU, CPU)
    assert list(tmp_path.iterdir()) == []
    play(buffer, 8)
    assert sample(buffer).obs["pixels"].any()


def test_a_full_or_missing_disk_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = str(tmp_path / "nowhere")
    with pytest.raises(UserError, match="not a folder"):
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
    buffer = EpisodeReplayBuffer(cfg, SEEING, WORLDS, reward, terminated, device, CPU)
    where = device.type if place == "device" else "cpu"
    assert buffer.rows["frame"].device.type == where
    kept = play(buffer, 200)
    batch = buffer.sample(BatchSpec(500), torch.Generator(device).manual_seed(3))
    assert batch.obs["pixels"].device.type == device.type
    now, then = batch.obs["pixels"].cpu(), batch.next_obs["pixels"].cpu()
    for i, state in enumerate(batch.obs["state"].tolist()):
        before, after = expected(kept, state)
        assert torch.equal(now[i], before.to(torch.uint8))
        assert torch.equal(then[i], after.to(torch.uint8))

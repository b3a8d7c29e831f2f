"""Goals as images: which frame a goal is, by worlds that count."""

import pytest
import torch
from torch import Tensor

from puckrl.core.types import Batch, BatchSpec
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.goals import GoalPlaces, mix_places
from puckrl.replay.layout import bytes_per_episode, bytes_per_stack
from puckrl.replay.sampling import StepTable
from puckrl.replay.settings import GoalImagesCfg, Place, ReplayCfg
from tests.replay.counting import (
    HEIGHT,
    HORIZON,
    SEEING,
    SHOWING,
    WIDTH,
    CountingWorlds,
    reward,
    terminated,
)

CPU = torch.device("cpu")
CAPACITY, WORLDS = 23, 5
PLACES: list[Place] = ["device", "cpu", "disk"]
MIXED = GoalImagesCfg(future=0.5, other=0.3)


def played(place: Place = "device", steps: int = 200) -> EpisodeReplayBuffer:
    cfg = ReplayCfg(CAPACITY * HORIZON, frames_on=place, goal_images=MIXED)
    buffer = EpisodeReplayBuffer(cfg, SHOWING, WORLDS, reward, terminated, CPU, CPU)
    worlds = CountingWorlds(buffer, WORLDS, torch.Generator().manual_seed(1))
    for _ in range(steps):
        worlds.step()
    return buffer


def shown(images: Tensor) -> Tensor:
    """Return (counter, world, episode) of images, (B, 3) in 0 ... 255."""
    assert images.dtype == torch.uint8
    assert images.shape[1:] == (3, HEIGHT, WIDTH)
    columns = 30 * torch.arange(WIDTH)
    rows = 100 * torch.arange(HEIGHT)[:, None]
    first = images[:, :, 0, 0].long()
    whole = (first[:, :, None, None] + rows + columns) % 256
    assert torch.equal(images.long(), whole), "an image was put together from several"
    return first


def draw(buffer: EpisodeReplayBuffer, spec: BatchSpec, rounds: int = 1) -> Batch:
    return buffer.sample(spec, torch.Generator().manual_seed(3), rounds)


# 8 steps: a few episodes · 200: the buffer has wrapped many times
@pytest.mark.parametrize("steps", [8, 200])
@pytest.mark.parametrize("place", PLACES)
def test_the_goal_image_is_the_frame_of_the_goals_step(
    place: Place, steps: int
) -> None:
    batch = draw(played(place, steps), BatchSpec(600))
    counter, world, episode = shown(batch.obs["goal_image"]).unbind(1)
    goal, goal_world = batch.obs["desired_goal"].long().unbind(1)
    assert torch.equal(counter, goal % 256)
    assert torch.equal(world, goal_world)
    own = goal < 0  # the picture of the episode that it was played with
    assert torch.equal(episode[own], (-1 - goal)[own])
    assert torch.equal(batch.next_obs["goal_image"], batch.obs["goal_image"])


def test_rewards_are_those_of_the_goal_that_the_image_shows() -> None:
    batch = draw(played(), BatchSpec(600))
    after = batch.next_obs["state"][:, 0]
    assert torch.equal(batch.reward, -(after - batch.obs["desired_goal"][:, 0]).abs())


def test_kinds_of_goals_have_their_shares_and_come_from_where_they_should() -> None:
    batch = draw(played(), BatchSpec(8000))
    counter, world, number = batch.obs["state"].long().unbind(1)
    goal = batch.obs["desired_goal"][:, 0].long()
    of_world, of_episode = shown(batch.obs["goal_image"])[:, 1:].unbind(1)
    rendered = goal < 0
    same = ~rendered & (of_world == world) & (of_episode == number)
    other = ~rendered & ~same
    assert float(rendered.float().mean()) == pytest.approx(0.2, abs=0.02)
    # one draw in CAPACITY of the other episodes is the transition's own
    assert float(other.float().mean()) == pytest.approx(0.3, abs=0.03)
    assert torch.equal(-1 - goal[rendered], number[rendered]), "another's own goal"
    # the own future, but for those that were drawn as another episode's
    ahead = (goal > counter)[same].float().mean()
    assert float(ahead) > 0.97
    places = mix_places(
        GoalImagesCfg(1.0, 0.0),
        "future",
        GoalPlaces.own(torch.zeros(500, dtype=torch.int64)),
        torch.full((500,), 2),
        table(HORIZON),
        torch.Generator().manual_seed(0),
    )
    assert set(places.index.tolist()) == set(range(3, HORIZON + 1))
    assert bool(places.hindsight.all())
    assert not places.episode.any()


def table(length: int) -> StepTable:
    made = StepTable(4, CPU)
    made.set(torch.arange(4), torch.full((4,), length))
    return made


def test_only_transitions_with_pixels_have_goal_images() -> None:
    """The last of each round; the others keep the share of hindsight goals."""
    batch = draw(played(), BatchSpec(300, pixels=20, next_pixels=False), rounds=3)
    assert len(batch.obs["goal_image"]) == len(batch.obs["pixels"]) == 60
    assert "goal_image" not in batch.next_obs
    for part in batch.split(3):
        counter = shown(part.obs["goal_image"])[:, 0]
        assert torch.equal(counter, part.obs["desired_goal"][-20:, 0].long() % 256)
        vectors = part.obs["desired_goal"][:-20, 0]
        assert float((vectors >= 0).float().mean()) == pytest.approx(0.8, abs=0.08)


def test_observations_come_with_the_picture_of_their_own_goal() -> None:
    buffer = played()
    number = torch.arange(buffer.oldest, buffer.added)
    obs = buffer.observations(number, torch.zeros_like(number))
    counter, world, episode = shown(obs["goal_image"]).unbind(1)
    assert torch.equal(world, obs["state"][:, 1].long())
    assert torch.equal(episode, obs["state"][:, 2].long())
    assert torch.equal(counter, (-1 - episode) % 256)


def test_a_restored_buffer_draws_the_same_batches() -> None:
    buffer = played()
    worlds = CountingWorlds(buffer, WORLDS, torch.Generator().manual_seed(1))
    worlds.step()  # an episode has begun, and not ended
    twin = played(steps=1)
    twin.forget()
    twin.load(buffer.oldest, buffer.export(buffer.oldest, buffer.added))
    twin.restore(buffer.snapshot(), buffer.added)
    other = worlds.recording_into(twin)
    for _ in range(2 * HORIZON):
        worlds.step()
        other.step()
    one, two = draw(buffer, BatchSpec(200)), draw(twin, BatchSpec(200))
    assert torch.equal(one.obs["goal_image"], two.obs["goal_image"])
    assert torch.equal(one.reward, two.reward)


def test_bytes_count_one_picture_an_episode_and_one_frame_a_sample() -> None:
    frame = 3 * HEIGHT * WIDTH
    assert bytes_per_episode(SHOWING) - bytes_per_episode(SEEING) == frame
    assert bytes_per_stack(SHOWING) - bytes_per_stack(SEEING) == frame
    stored = sum(rows.nbytes for rows in played().rows.values())
    assert stored == CAPACITY * bytes_per_episode(SHOWING)

"""The buffer, compared with an oracle that stores every episode of counting worlds."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Batch, BatchSpec, Spaces, Step
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.settings import ReplayCfg, SamplingCfg, Strategy
from tests import oracles
from tests.replay.counting import (
    HORIZON,
    SPACES,
    CountingWorlds,
    Episode,
    reward,
    terminated,
)

CPU = torch.device("cpu")
WORLDS = 5
CAPACITY = 23  # episodes: no multiple of the worlds, so writes straddle the wrap


def make_buffer(
    cfg: ReplayCfg, spaces: Spaces = SPACES, num_worlds: int = WORLDS
) -> EpisodeReplayBuffer:
    return EpisodeReplayBuffer(cfg, spaces, num_worlds, reward, terminated, CPU, CPU)


def play(
    steps: int, *, strategy: Strategy = "future", her_ratio: float = 0.8
) -> tuple[EpisodeReplayBuffer, list[Episode]]:
    """Return a buffer after ``steps`` steps, and the episodes that it should hold."""
    cfg = ReplayCfg(CAPACITY * HORIZON, strategy, her_ratio)
    buffer = make_buffer(cfg)
    worlds = CountingWorlds(buffer, WORLDS, torch.Generator().manual_seed(1))
    for _ in range(steps):
        worlds.step()
    return buffer, worlds.kept[-CAPACITY:]


def rows(batch: Batch) -> Iterable[tuple[list[float], ...]]:
    """Return the rows of a batch as plain numbers."""
    columns = [
        batch.obs["state"],
        batch.obs["achieved_goal"],
        batch.obs["desired_goal"],
        batch.action,
        batch.next_obs["state"],
        batch.next_obs["achieved_goal"],
        batch.next_obs["desired_goal"],
        torch.stack([batch.reward, batch.terminated], dim=1),
    ]
    return zip(*(column.tolist() for column in columns), strict=True)


def find(kept: list[Episode], state: list[float]) -> tuple[Episode, int]:
    """Return the episode of a state, and its step; fails if it was not kept."""
    counter, world, number = map(int, state)
    [episode] = [e for e in kept if (e.world, e.number) == (world, number)]
    step = counter - episode.first
    assert 0 <= step < episode.length, (episode, step)
    return episode, step


# 8 steps: a few episodes · 40: the buffer fills · 200: it has wrapped many times
@pytest.mark.parametrize("steps", [8, 40, 200])
@pytest.mark.parametrize("strategy", ["future", "final", "episode"])
def test_every_sampled_row_is_what_the_oracle_remembers(
    steps: int, strategy: Strategy, rng: torch.Generator
) -> None:
    buffer, kept = play(steps, strategy=strategy)
    for state, achieved, goal, action, after, reached, same_goal, judged in rows(
        buffer.sample(BatchSpec(1000), rng)
    ):
        episode, step = find(kept, state)
        counter = episode.first + step
        assert achieved == action == [counter, episode.world]
        assert after == [counter + 1, episode.world, episode.number]
        assert reached == [counter + 1, episode.world]
        legal = oracles.legal_goal_indices(strategy, step, episode.length)
        hindsight = [[episode.first + i, episode.world] for i in legal]
        assert goal in [*hindsight, [-1 - episode.number, episode.world]]
        assert same_goal == goal
        assert judged == [-abs(counter + 1 - goal[0]), float(counter + 1 == goal[0])]


def test_next_minus_present_is_always_one(rng: torch.Generator) -> None:
    buffer, _ = play(200)
    batch = buffer.sample(BatchSpec(5000), rng)
    apart = batch.next_obs["state"] - batch.obs["state"]
    assert (apart == torch.tensor([1.0, 0.0, 0.0])).all()


@pytest.mark.parametrize("steps", [8, 40, 200])
def test_every_kept_step_can_be_sampled_and_no_other(
    steps: int, rng: torch.Generator
) -> None:
    buffer, kept = play(steps)
    assert len(buffer) == sum(episode.length for episode in kept)
    states = buffer.sample(BatchSpec(200 * len(buffer)), rng).obs["state"]
    sampled = {tuple(state) for state in states.unique(dim=0).tolist()}
    expected = {
        (float(e.first + t), float(e.world), float(e.number))
        for e in kept
        for t in range(e.length)
    }
    assert sampled == expected


@pytest.mark.parametrize("ratio", [0.0, 0.8, 1.0])
def test_the_share_of_hindsight_goals(ratio: float, rng: torch.Generator) -> None:
    buffer, _ = play(200, her_ratio=ratio)
    goals = buffer.sample(BatchSpec(10_000), rng).obs["desired_goal"][:, 0]
    # desired goals are negative, achieved ones are not; 4 deviations of a binomial
    assert float((goals >= 0).float().mean()) == pytest.approx(
        ratio, abs=4 * (ratio * (1 - ratio) / 10_000) ** 0.5
    )


def test_an_episode_under_way_cannot_be_sampled(rng: torch.Generator) -> None:
    buffer = make_buffer(ReplayCfg(), num_worlds=1)
    worlds = CountingWorlds(buffer, 1, torch.Generator().manual_seed(0), failing=0.0)
    worlds.planned = [3]
    worlds.step()
    worlds.step()
    assert len(buffer) == 0
    with pytest.raises(ValueError, match="empty"):
        buffer.sample(BatchSpec(1), rng)
    worlds.step()
    assert len(buffer) == 3


def test_an_episode_that_failed_at_once_leaves_nothing() -> None:
    buffer = make_buffer(ReplayCfg(), num_worlds=1)
    worlds = CountingWorlds(buffer, 1, torch.Generator().manual_seed(0), failing=1.0)
    worlds.planned = [1]
    worlds.step()
    assert worlds.kept == []
    assert buffer.added == len(buffer) == 0


def test_same_stream_same_batch() -> None:
    buffer, _ = play(40)
    one, two = (
        buffer.sample(BatchSpec(64), torch.Generator().manual_seed(7)) for _ in range(2)
    )
    assert list(rows(one)) == list(rows(two))


def test_each_quantity_is_stored_once() -> None:
    spaces = Spaces(state_dim=25, goal_dim=3, action_dim=4, horizon=50)
    buffer = make_buffer(ReplayCfg(capacity=1000 * 50), spaces, num_worlds=8)
    # float32: 51 states and achieved goals, 50 actions, one desired goal
    episode = 4 * (51 * 25 + 51 * 3 + 50 * 4 + 3)
    assert episode == 6524
    # int64 by episode: number and running sum of the eligible steps, twice
    tables = 2 * 2 * 8
    # int64 by world: its index and the steps of its episode under way
    staging = 8 * (episode + 2 * 8)
    assert bytes_held(buffer) == 1000 * (episode + tables) + staging
    assert episode / 50 == 130.48  # bytes a transition


def bytes_held(thing: object) -> int:
    """Return the bytes of all tensors that an object keeps."""
    if isinstance(thing, Tensor):
        return thing.numel() * thing.element_size()
    if isinstance(thing, dict):
        return sum(bytes_held(value) for value in thing.values())
    if hasattr(thing, "__dict__"):
        return bytes_held(vars(thing))
    return 0


def moving_buffer(moving_share: float) -> EpisodeReplayBuffer:
    """Two episodes of six steps: in the first the goal moves until step 2."""
    sampling = SamplingCfg(moving_share=moving_share, moved_m=0.1)
    buffer = make_buffer(ReplayCfg(sampling=sampling), num_worlds=2)

    def observe(time: int) -> dict[str, Tensor]:
        state = torch.tensor([[time, 0.0, 0.0], [time, 1.0, 0.0]])
        goal = torch.tensor([[min(time, 3.0), 0.0], [0.0, 0.0]])
        return {"state": state, "achieved_goal": goal, "desired_goal": goal - 9.0}

    buffer.begin(observe(0))
    for time in range(HORIZON):
        done = torch.full((2,), time == HORIZON - 1)
        buffer.add(torch.zeros(2, 2), Step.recorded(observe(time + 1), done))
    return buffer


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_of_steps_after_which_the_goal_moves(
    share: float, rng: torch.Generator
) -> None:
    state = moving_buffer(share).sample(BatchSpec(4000), rng).obs["state"]
    moving = ((state[:, 1] == 0) & (state[:, 0] < 3)).float().mean()
    # the uniform part finds 3 moving steps among 12
    expected = share + (1 - share) * 3 / 12
    assert float(moving) == pytest.approx(expected, abs=0.03)


def test_every_piece_of_a_sample_has_the_same_shares(rng: torch.Generator) -> None:
    # a sample is cut into one piece per update: were the moving steps in front, one
    # update would see only those and the next one none
    state = moving_buffer(0.5).sample(BatchSpec(8000), rng).obs["state"]
    moving = ((state[:, 1] == 0) & (state[:, 0] < 3)).float()
    pieces = moving.reshape(4, -1).mean(dim=1)
    assert pieces.tolist() == pytest.approx([0.625] * 4, abs=0.05)


def test_how_much_still_moves_is_reported() -> None:
    buffer = moving_buffer(0.5)
    assert buffer.moving_share == 3 / 12
    assert buffer.recent_moving_share(1) == 0.0  # the newest is that of world 1
    assert buffer.recent_moving_share(2) == 0.5
    assert buffer.recent_moving_share(99) == 0.5
    assert make_buffer(ReplayCfg()).recent_moving_share(5) == 0.0


def test_without_motion_steps_are_drawn_uniformly(rng: torch.Generator) -> None:
    sampling = SamplingCfg(moving_share=1.0, moved_m=100.0)
    buffer = make_buffer(ReplayCfg(sampling=sampling), num_worlds=1)
    worlds = CountingWorlds(buffer, 1, torch.Generator().manual_seed(0))
    for _ in range(40):
        worlds.step()
    assert buffer.moving_share == 0.0
    assert len(buffer.sample(BatchSpec(100), rng).reward) == 100


def test_exported_episodes_come_back_in_place(rng: torch.Generator) -> None:
    buffer, kept = play(200)
    assert buffer.oldest == buffer.added - CAPACITY
    other = make_buffer(buffer.cfg)
    middle = buffer.oldest + 9
    for first, last in ((buffer.oldest, middle), (middle, buffer.added)):
        other.load(first, buffer.export(first, last))
    other.restore(buffer.snapshot(), buffer.added)
    assert len(other) == sum(episode.length for episode in kept)
    one, two = (
        r.sample(BatchSpec(500), torch.Generator().manual_seed(3))
        for r in (buffer, other)
    )
    assert list(rows(one)) == list(rows(two))


def test_a_capacity_below_an_episode_of_every_world_is_not_raised_in_silence() -> None:
    least = WORLDS * HORIZON
    assert make_buffer(ReplayCfg(least)).capacity == WORLDS
    for capacity in (10, least - 1):
        with pytest.raises(UserError, match=rf"capacity {capacity} .* from {least} on"):
            make_buffer(ReplayCfg(capacity))


@pytest.mark.parametrize(
    "slip",
    [
        {"capacity": 0},
        {"her_ratio": 2.0},
        {"her_strategy": "later"},
        {"frames_on": "gpu"},
        {"sampling": SamplingCfg(moving_share=-1.0)},
    ],
)
def test_a_buffer_refuses_settings_without_a_meaning(slip: dict[str, Any]) -> None:
    [name] = slip
    with pytest.raises(UserError, match=rf"^cfg\.{name}"):
        make_buffer(ReplayCfg(**slip))
    with pytest.raises(UserError, match="num_worlds=0"):
        make_buffer(ReplayCfg(), num_worlds=0)

"""Batches of the learner, with an agent that only counts."""

from dataclasses import dataclass, field
from typing import cast

import pytest
import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic, Branch
from puckrl.core.clock import Ratio
from puckrl.core.types import Batch, BatchSpec, Obs, Spaces
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.layout import bytes_per_sample, bytes_per_stack
from puckrl.replay.settings import ReplayCfg
from puckrl.training.learner import Learner
from tests.replay.counting import (
    HORIZON,
    SEEING,
    SPACES,
    CountingWorlds,
    reward,
    terminated,
)

CPU = torch.device("cpu")
SIZE = 12  # transitions a round
SEEN = 5  # of them with images
ROUND = BatchSpec(SIZE)


@dataclass
class CountingAgent:
    """Records observations and batches."""

    device: torch.device = CPU
    updates_per_round: int = 2
    batch_spec: BatchSpec = ROUND
    batches: list[Batch] = field(default_factory=list[Batch])
    observed: list[Obs] = field(default_factory=list[Obs])

    def update_normalizers(self, obs: Obs) -> None:
        self.observed.append(obs)

    def update(self, batch: Batch, run: Branch | None) -> dict[str, Tensor]:
        self.batches.append(batch)
        return {"number": torch.tensor(float(len(self.batches)))}


def make_learner(spaces: Spaces) -> tuple[Learner, CountingAgent]:
    """Return a learner whose buffer holds some episodes; one update per env step."""
    cfg = ReplayCfg(60 * HORIZON)
    buffer = EpisodeReplayBuffer(cfg, spaces, 5, reward, terminated, CPU, CPU)
    worlds = CountingWorlds(buffer, 5, torch.Generator().manual_seed(0))
    for _ in range(30):
        worlds.step()
    agent = CountingAgent()
    learner = Learner(
        cast(ActorCritic, agent),
        buffer,
        Ratio(1.0),
        torch.Generator().manual_seed(0),
        warm_up_episodes=1,
        normalize_episodes=10,
    )
    return learner, agent


@pytest.mark.parametrize(
    ("room", "expected"),
    [(1, [1] * 20), (3, [3] * 6 + [2]), (99, [16, 4])],
    ids=["less than a round", "three rounds", "plenty"],
)
def test_as_many_rounds_are_looked_up_at_once_as_fit(
    room: int, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, agent = make_learner(SEEING)
    agent.batch_spec = BatchSpec(SIZE, pixels=SEEN)
    size = room * (SIZE * bytes_per_sample(SEEING) + SEEN * bytes_per_stack(SEEING))
    monkeypatch.setattr("puckrl.training.learner._BYTES_AT_ONCE", size)
    looked_up, sample = list[int](), learner.replay.sample

    def spy(spec: BatchSpec, rng: torch.Generator, rounds: int) -> Batch:
        looked_up.append(rounds)
        return sample(spec, rng, rounds)

    monkeypatch.setattr(learner.replay, "sample", spy)
    learner.earn(41)
    rounds = learner.pending()
    for some in (3, 0, 17):
        rounds.run(some)
    metrics = rounds.means()
    assert looked_up == expected
    assert (rounds.updates, rounds.left) == (40, 0)
    assert learner.ratio.debt == 1
    assert metrics == {"number": 10.5}  # the mean of 1 ... 20
    assert {len(batch.reward) for batch in agent.batches} == {SIZE}
    assert {len(batch.obs["pixels"]) for batch in agent.batches} == {SEEN}
    for batch in agent.batches:  # the newest frame shows the counter, which is state 0
        shown = batch.obs["pixels"][:, -3, 0, 0].float()
        assert torch.equal(shown, batch.obs["state"][-SEEN:, 0] % 256)


@pytest.mark.parametrize("next_pixels", [True, False])
def test_pixels_of_next_observations_are_looked_up_if_needed(
    next_pixels: bool,
) -> None:
    learner, agent = make_learner(SEEING)
    agent.batch_spec = BatchSpec(SIZE, next_pixels=next_pixels)
    learner.earn(2)
    learner.pending().run(1)
    [batch] = agent.batches
    assert "pixels" in batch.obs
    assert ("pixels" in batch.next_obs) == next_pixels


def test_large_images_are_looked_up_round_by_round() -> None:
    # without images, batches of Push fit sixteen times
    assert 16 * 512 * bytes_per_sample(Spaces(25, 3, 4, 50)) < 64 << 20
    learner, agent = make_learner(SEEING)
    assert learner._rounds_at_once() == 16
    agent.batch_spec = BatchSpec(SIZE, pixels=10**9)
    assert learner._rounds_at_once() == 1


@pytest.mark.parametrize("spaces", [SPACES, SEEING], ids=["blind", "seeing"])
def test_normalizers_see_every_valid_observation_once_and_no_image(
    spaces: Spaces,
) -> None:
    learner, agent = make_learner(spaces)
    replay = learner.replay
    assert isinstance(replay, EpisodeReplayBuffer)
    learner.earn(0)
    learner.earn(0)  # nothing new within the first ten episodes
    [obs] = agent.observed
    assert set(obs) == {"state", "achieved_goal", "desired_goal"}
    length = replay.export(0, 10)["length"]
    assert len(obs["state"]) == int((length + 1).sum())
    assert torch.equal(obs["state"][:, :2], obs["achieved_goal"])
    assert (obs["desired_goal"][:, 0] == -1 - obs["state"][:, 2]).all()

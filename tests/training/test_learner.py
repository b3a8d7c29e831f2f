"""How batches reach an agent that only counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic
from puckrl.core.clock import Ratio
from puckrl.core.types import Batch, Obs, Spaces
from puckrl.replay.episodes import EpisodeReplayBuffer, ReplayCfg
from puckrl.replay.layout import bytes_per_sample, bytes_per_stack
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


@dataclass
class CountingAgent:
    """Remembers what it was shown."""

    device: torch.device = CPU
    updates_per_round: int = 2
    transitions_per_round: int = SIZE
    seen_per_round: int = SIZE
    needs_next_pixels: bool = True
    batches: list[Batch] = field(default_factory=list[Batch])
    observed: list[Obs] = field(default_factory=list[Obs])

    def random_action(self, count: int) -> Tensor:
        return torch.zeros(count, SPACES.action_dim)

    def observe(self, obs: Obs) -> None:
        self.observed.append(obs)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        self.batches.append(batch)
        return {"number": torch.tensor(float(len(self.batches)))}


def make_learner(spaces: Spaces) -> tuple[Learner, CountingAgent]:
    """A learner whose replay holds some episodes; one update per env step."""
    cfg = ReplayCfg(60 * HORIZON)
    ring = EpisodeReplayBuffer(cfg, spaces, 5, reward, terminated, CPU, CPU)
    worlds = CountingWorlds(ring, 5, torch.Generator().manual_seed(0))
    for _ in range(30):
        worlds.step()
    agent = CountingAgent()
    learner = Learner(
        cast(ActorCritic, agent),
        ring,
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
    agent.seen_per_round = SEEN
    size = room * (SIZE * bytes_per_sample(SEEING) + SEEN * bytes_per_stack(SEEING))
    monkeypatch.setattr("puckrl.training.learner._BYTES_AT_ONCE", size)
    looked_up, sample = list[int](), learner.replay.sample

    def spy(count: int, rng: torch.Generator, **shown: Any) -> Batch:
        looked_up.append(count // SIZE)
        return sample(count, rng, **shown)

    monkeypatch.setattr(learner.replay, "sample", spy)
    learner.earn(41)
    rounds = learner.rounds()
    for some in (3, 0, 17):
        rounds.go_on(some)
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


@pytest.mark.parametrize("needs_next_pixels", [True, False])
def test_images_of_next_observations_are_looked_up_for_who_looks_ahead(
    needs_next_pixels: bool,
) -> None:
    learner, agent = make_learner(SEEING)
    agent.needs_next_pixels = needs_next_pixels
    learner.earn(2)
    learner.rounds().go_on(1)
    [batch] = agent.batches
    assert "pixels" in batch.obs
    assert ("pixels" in batch.next_obs) == needs_next_pixels


def test_large_images_are_looked_up_round_by_round() -> None:
    # without images, batches of Push fit sixteen times
    assert 16 * 512 * bytes_per_sample(Spaces(25, 3, 4, 50)) < 64 << 20
    learner, agent = make_learner(SEEING)
    assert learner._rounds_at_once() == 16
    agent.seen_per_round = 10**9
    assert learner._rounds_at_once() == 1


@pytest.mark.parametrize("spaces", [SPACES, SEEING], ids=["blind", "seeing"])
def test_normalizers_see_every_valid_observation_once_and_no_image(
    spaces: Spaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, agent = make_learner(spaces)
    export, asked = learner.replay.export, list[str]()

    def spy(
        first: int, last: int, names: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        rows = export(first, last, names)
        asked.extend(rows)
        return rows

    monkeypatch.setattr(learner.replay, "export", spy)
    learner.earn(0)
    learner.earn(0)  # nothing new within the first ten episodes
    [obs] = agent.observed
    assert "frame" not in asked
    length = learner.replay.export(0, 10)["length"]
    assert len(obs["state"]) == int((length + 1).sum())
    assert torch.equal(obs["state"][:, :2], obs["achieved_goal"])
    assert (obs["desired_goal"][:, 0] == -1 - obs["state"][:, 2]).all()

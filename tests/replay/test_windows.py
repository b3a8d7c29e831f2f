"""Sequences of a buffer that counts: step t of a sequence is the state of step t."""

import pytest
import torch

from puckrl.core.types import HISTORY, HISTORY_STEP, BatchSpec, HistorySpec
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.settings import ReplayCfg, SamplingCfg
from puckrl.replay.windows import bytes_per_transition
from tests.replay.counting import HORIZON, SPACES, CountingWorlds, reward, terminated

CPU = torch.device("cpu")
WHOLE = HistorySpec(steps=3, window=0, burn_in=0)
BURNT = HistorySpec(steps=2, window=4, burn_in=2)
STACK = HistorySpec(steps=1, window=3, burn_in=2)


def filled(rng: torch.Generator, moving_share: float = 0.0) -> EpisodeReplayBuffer:
    """Return a buffer that wrapped around, with episodes of all lengths."""
    cfg = ReplayCfg(capacity=12 * HORIZON, sampling=SamplingCfg(moving_share, 1.5))
    buffer = EpisodeReplayBuffer(cfg, SPACES, 3, reward, terminated, CPU, CPU)
    worlds = CountingWorlds(buffer, 3, rng)
    for _ in range(80):
        worlds.step()
    return buffer


@pytest.mark.parametrize("history", [WHOLE, BURNT, STACK])
@pytest.mark.parametrize("moving_share", [0.0, 0.5])
def test_a_transition_is_where_its_sequence_says(
    history: HistorySpec, moving_share: float, rng: torch.Generator
) -> None:
    buffer = filled(rng, moving_share)
    spec = BatchSpec(120, history=history)
    batch = buffer.sample(spec, rng, rounds=2)
    states, at = batch.obs[HISTORY], batch.obs[HISTORY_STEP]
    assert len(batch.action) == 240
    assert states.shape == (240 // history.steps, history.length(HORIZON) + 1, 3)
    sequence = torch.arange(240) // history.steps
    assert torch.equal(states[sequence, at], batch.obs["state"])
    after = batch.next_obs[HISTORY], batch.next_obs[HISTORY_STEP]
    assert torch.equal(after[0][sequence, after[1]], batch.next_obs["state"])
    # up to the last transition of a sequence, the counter rises by one a step
    for number, row in enumerate(states):
        last = int(after[1].view(len(states), -1)[number].max())
        counted = row[: last + 1, 0]
        assert torch.equal(counted, counted[0] + torch.arange(last + 1))
        assert (row[: last + 1, 1:] == row[0, 1:]).all()


@pytest.mark.parametrize("history", [WHOLE, BURNT, STACK])
def test_only_the_burn_in_gives_no_transitions(
    history: HistorySpec, rng: torch.Generator
) -> None:
    buffer = filled(rng)
    batch = buffer.sample(BatchSpec(600, history=history), rng)
    first = batch.obs[HISTORY][:, 0, 0].repeat_interleave(history.steps)
    starts = set(buffer.rows["state"][:, 0, 0].tolist())
    within = torch.tensor([x not in starts for x in first.tolist()])
    at = batch.obs[HISTORY_STEP]
    assert (at < history.length(HORIZON)).all()
    assert (at[within] >= history.burn_in).all()
    assert within.any() == (history.length(HORIZON) < HORIZON)
    assert (at[~within] == 0).any()


@pytest.mark.parametrize("history", [WHOLE, BURNT, STACK])
def test_beyond_the_end_of_an_episode_states_are_zero(
    history: HistorySpec, rng: torch.Generator
) -> None:
    """Rows of older, longer episodes lie there, or of diverged physics."""
    buffer = filled(rng)
    length = buffer.export(buffer.oldest, buffer.added, ["state"])["length"]
    slots = torch.arange(buffer.oldest, buffer.added) % buffer.capacity
    for slot, steps in zip(slots, length, strict=True):
        buffer.rows["state"][slot, steps + 1 :] = torch.nan
    batch = buffer.sample(BatchSpec(600, history=history), rng)
    assert batch.obs[HISTORY].isfinite().all()


def test_steps_of_whole_episodes_are_drawn_as_single_ones_are(
    rng: torch.Generator,
) -> None:
    buffer = filled(rng)

    def shares(history: HistorySpec | None) -> torch.Tensor:
        spec = BatchSpec(30_000, history=history)
        state = buffer.sample(spec, rng).obs["state"][:, 0].long()
        return torch.bincount(state, minlength=200).float() / 30_000

    torch.testing.assert_close(shares(WHOLE), shares(None), rtol=0, atol=0.006)


def test_rows_and_parts_keep_sequences_whole(rng: torch.Generator) -> None:
    buffer = filled(rng)
    batch = buffer.sample(BatchSpec(24, history=WHOLE), rng, rounds=2)
    for part in (
        *batch.split(2),
        batch.rows(slice(12, 24)),
        batch.rows(slice(-6, None)),
    ):
        sequence = torch.arange(len(part.action)) // WHOLE.steps
        for obs in (part.obs, part.next_obs):
            found = obs[HISTORY][sequence, obs[HISTORY_STEP]]
            assert torch.equal(found, obs["state"])


@pytest.mark.parametrize("history", [WHOLE, BURNT, STACK])
def test_observations_come_with_what_was_before(
    history: HistorySpec, rng: torch.Generator
) -> None:
    buffer = filled(rng)
    number = torch.arange(buffer.oldest, buffer.added)
    step = buffer.export(buffer.oldest, buffer.added, ["state"])["length"] - 1
    obs = buffer.observations(number, step, history)
    at = obs[HISTORY_STEP]
    assert torch.equal(obs[HISTORY][torch.arange(len(at)), at], obs["state"])
    assert torch.equal(at, step.clamp_max(history.length(HORIZON) - 1))


def test_bytes_by_hand() -> None:
    assert bytes_per_transition(None, SPACES) == 0
    assert bytes_per_transition(WHOLE, SPACES) == 4 * 7 * 3 / 3
    assert bytes_per_transition(STACK, SPACES) == 4 * 4 * 3

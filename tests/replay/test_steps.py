"""A buffer of single steps: returns, ends, and each observation once, against slow loops."""

import pytest
import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import BatchSpec, Obs, Spaces, Step
from puckrl.replay.steps import StepReplayBuffer

SPACES = Spaces(state_dim=1, goal_dim=0, action_dim=1, horizon=9)
GAMMA = 0.5


def _obs(values: Tensor) -> Obs:
    none = torch.zeros(len(values), 0)
    return {"state": values[:, None], "achieved_goal": none, "desired_goal": none}


class Play:
    """Worlds that count: the observation of step t of episode e of world w is unique.

    World 0 terminates after 3 steps, world 1 is cut after 4, the others go on. Every
    reward is the observation that the step led to.
    """

    def __init__(self, buffer: StepReplayBuffer) -> None:
        self.buffer, self.worlds = buffer, buffer.num_worlds
        self.episode = torch.zeros(self.worlds)
        self.time = torch.zeros(self.worlds)
        self.after: dict[float, tuple[float, bool, bool]] = {}
        buffer.begin(self.now)

    @property
    def code(self) -> Tensor:
        return 1e6 * torch.arange(self.worlds) + 100 * self.episode + self.time

    @property
    def now(self) -> Obs:
        return _obs(self.code)

    def step(self, hole: int | None = None) -> None:
        before = self.code
        self.time += 1
        final = self.code
        number = torch.arange(self.worlds)
        terminated = (number == 0) & (self.time == 3)
        truncated = (number == 1) & (self.time == 4)
        never = torch.zeros(self.worlds, dtype=torch.bool)
        diverged = never.clone()
        if hole is not None:
            diverged[hole] = truncated[hole] = True
        done = terminated | truncated
        self.episode += done
        self.time[done] = 0
        for world in range(self.worlds):
            if not diverged[world]:
                flags = (bool(terminated[world]), bool(done[world]))
                self.after[float(before[world])] = (float(final[world]), *flags)
        step = Step(
            self.now, _obs(final), final, never, terminated, truncated, diverged
        )
        self.buffer.add(before[:, None], step)


def _slow(after: dict[float, tuple[float, bool, bool]], at: float, n: int):
    """Return, discount of the bootstrap and its observation, step by step."""
    total, discount = 0.0, 1.0
    for _ in range(n):
        if at not in after:
            break
        at, terminated, over = after[at]
        total += discount * at
        discount *= GAMMA
        if terminated:
            return total, 0.0, at
        if over:
            break
    return total, discount, at


def _check(buffer: StepReplayBuffer, play: Play, n: int) -> set[float]:
    rng = torch.Generator().manual_seed(0)
    batch = buffer.sample(BatchSpec(512), rng)
    discount = GAMMA * (1 - batch.terminated)
    states = batch.obs["state"][:, 0]
    assert torch.equal(batch.action[:, 0], states)
    for index, at in enumerate(states.tolist()):
        total, wanted, reached = _slow(play.after, at, n)
        assert batch.reward[index].item() == pytest.approx(total)
        assert discount[index].item() == pytest.approx(wanted, abs=1e-6)
        assert batch.next_obs["state"][index].item() == reached
    return set(states.tolist())


def _buffer(n: int, capacity: int = 3 * 40, worlds: int = 3) -> StepReplayBuffer:
    cpu = torch.device("cpu")
    return StepReplayBuffer(capacity, n, GAMMA, SPACES, worlds, cpu)


@pytest.mark.parametrize("n", [1, 3])
def test_returns_are_those_of_a_slow_loop(n: int) -> None:
    buffer = _buffer(n)
    play = Play(buffer)
    for _ in range(30):
        play.step()
    assert _check(buffer, play, n) == set(play.after)  # every step is drawn
    assert len(buffer) == 90
    assert buffer.episodes_added == 30 // 3 + 30 // 4


@pytest.mark.parametrize("n", [1, 4])
def test_new_rows_replace_the_oldest(n: int) -> None:
    buffer = _buffer(n, capacity=3 * 10)
    play = Play(buffer)
    for _ in range(1000):
        play.step()
    drawn = _check(buffer, play, n)
    assert drawn == set(list(play.after)[-30:])
    assert len(buffer) == 30


def test_diverged_steps_are_never_sampled() -> None:
    buffer = _buffer(3)
    play = Play(buffer)
    for index in range(25):
        play.step(hole=2 if index % 5 == 2 else None)
    assert _check(buffer, play, 3) == set(play.after)


def test_idle_worlds_are_never_sampled() -> None:
    """With next-step resets a world that begins an episode did not act."""
    buffer = _buffer(2, worlds=1)
    buffer.begin(_obs(torch.tensor([0.0])))
    no, yes = torch.tensor([False]), torch.tensor([True])
    for before, after, over, valid in (
        (0.0, 1.0, no, yes),
        (1.0, 2.0, yes, yes),
        (2.0, 50.0, no, no),
        (50.0, 51.0, no, yes),
    ):
        obs = _obs(torch.tensor([after]))
        step = Step(obs, obs, torch.ones(1), no, no, over, no, valid=valid)
        buffer.add(torch.tensor([[before]]), step)
    batch = buffer.sample(BatchSpec(64), torch.Generator().manual_seed(0))
    pairs = zip(
        batch.obs["state"].tolist(), batch.next_obs["state"].tolist(), strict=True
    )
    assert {(a[0], b[0]) for a, b in pairs} == {(0.0, 2.0), (1.0, 2.0), (50.0, 51.0)}


def test_a_snapshot_continues_with_fresh_episodes() -> None:
    buffer = _buffer(3)
    play = Play(buffer)
    for _ in range(20):
        play.step()
    parts = [buffer.export(0, 7), buffer.export(7, 20)]
    twin = _buffer(3)
    twin.forget()
    twin.load(0, parts[0])
    twin.load(7, parts[1])
    twin.restore(buffer.snapshot(), 20)
    play.buffer = twin
    for at, (after, *_) in play.after.items():
        if after in play.code.tolist():  # cut there: a fresh episode follows
            play.after[at] = (after, False, True)
    play.episode += 50
    play.time[:] = 0
    twin.begin(play.now)
    for _ in range(5):
        play.step()
    assert _check(twin, play, 3) == set(play.after)
    assert twin.episodes_added == buffer.episodes_added + 1 + 1


def test_a_lost_chunk_is_a_hole() -> None:
    buffer = _buffer(3)
    play = Play(buffer)
    for _ in range(20):
        play.step()
    twin = _buffer(3)
    twin.forget()
    twin.load(10, buffer.export(10, 20))
    twin.restore(buffer.snapshot(), 20)
    assert _check(twin, play, 3) == set(list(play.after)[-30:])


def test_normalizers_get_each_row_once() -> None:
    buffer = _buffer(1)
    play = Play(buffer)
    for _ in range(20):
        play.step()
    ended = buffer.episodes_added
    parts = [buffer.vectors(0, 4), buffer.vectors(4, ended)]
    seen = torch.cat([part["state"] for part in parts])[:, 0].tolist()
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(play.after)


def test_where_rows_count_normalizers_get_them_before_an_episode_ends() -> None:
    buffer = StepReplayBuffer(
        60, 1, GAMMA, SPACES, 3, torch.device("cpu"), counts_rows=True
    )
    play = Play(buffer)
    play.step()
    play.step()
    assert (buffer.counted, buffer.episodes_added) == (2, 0)
    seen = buffer.vectors(0, 2)["state"][:, 0].tolist()
    assert set(seen) == set(play.after)
    for _ in range(28):
        play.step()
    assert buffer.counted == 30
    newest = buffer.vectors(2, 30)["state"][:, 0].tolist()  # the oldest are gone
    assert set(newest) == set(list(play.after)[-60:])


def test_a_small_capacity_is_refused() -> None:
    with pytest.raises(UserError, match="from 12 on"):
        _buffer(3, capacity=11)

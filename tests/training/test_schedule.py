"""Collecting and learning, sequentially and overlapped."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from puckrl.agents.actor_critic import Branch
from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.clock import Clock
from puckrl.core.runtime import torch_threads
from puckrl.core.stream import SideStream
from puckrl.core.types import Batch, Obs
from puckrl.runner.build import Parts, build
from puckrl.training.status import report_nothing
from tests.runner.test_session import TINY

STEPS = 5  # of every world in an iteration: ten iterations are an episode
OWED = 10  # updates an iteration: five rounds, one in each control step


def cfg(*, overlap: bool) -> RunCfg:
    loop = replace(TINY.loop, update_ratio=1.0, collect_steps=STEPS, overlap=overlap)
    return replace(TINY, loop=loop, replay=replace(TINY.replay, capacity=2_000))


def iterate(parts: Parts, count: int) -> list[tuple[int, int]]:
    """Return env steps and updates after each iteration."""
    clock, seen = Clock(), list[tuple[int, int]]()
    for _ in range(count):
        collected, _ = parts.schedule(clock, report_nothing)
        clock.env_steps += collected.env_steps
        seen.append((clock.env_steps, clock.updates))
    return seen


@pytest.mark.parametrize("overlap", [False, True])
def test_updates_come_in_their_iteration_or_one_later(overlap: bool) -> None:
    seen = iterate(build(cfg(overlap=overlap)), 14)
    assert [steps for steps, _ in seen] == [10 * (i + 1) for i in range(14)]
    # two episodes of warm-up are over with the tenth iteration, which earns the first updates
    first = 10 if overlap else 9
    assert [made for _, made in seen] == [
        OWED * max(0, i - first + 1) for i in range(14)
    ]


def test_overlapped_rounds_are_spread_over_steps_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = build(cfg(overlap=True))
    iterate(parts, 11)
    parts.learner.ratio.debt += 4  # seven rounds over five steps
    done = list[str]()
    note_calls(monkeypatch, parts.env, "step_async", done, "launched")
    note_calls(monkeypatch, parts.agent, "update", done, "round")
    note_calls(monkeypatch, parts.env, "step_wait", done, "waited")
    iterate(parts, 1)
    order = "".join(word[0] for word in done)
    assert order == "lrrw" * 2 + "lrw" * 3


def note_calls(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, to: list[str], word: str
) -> None:
    method: Callable[..., object] = getattr(owner, name)

    def noting(*args: object) -> object:
        to.append(word)
        return method(*args)

    monkeypatch.setattr(owner, name, noting)


@pytest.mark.parametrize("compiles", [False, True])
def test_the_behavior_policy_lags_one_iteration_behind(
    monkeypatch: pytest.MonkeyPatch, compiles: bool
) -> None:
    """Though updates between its actions, and one that compiles before, change the agent's."""
    parts = build(cfg(overlap=True))
    iterate(parts, 11)
    parts.learner.ready = not compiles
    begin = parts.agent.actor.vector.clone()
    behavior = parts.schedule._behavior  # pyright: ignore[reportAttributeAccessIssue]
    acted, during = behavior.act, list[Tensor]()

    def watched(obs: Obs, *, explore: bool) -> Tensor:
        assert explore
        assert torch.equal(behavior.actor.vector, begin)
        during.append(parts.agent.actor.vector.clone())
        return acted(obs, explore=explore)

    monkeypatch.setattr(behavior, "act", watched)
    iterate(parts, 1)
    assert len(during) == STEPS
    assert torch.equal(during[0], begin) != compiles
    assert not torch.equal(during[1], during[0])


@pytest.mark.parametrize("overlap", [False, True])
def test_every_round_of_a_run_has_as_many_threads(
    overlap: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first, which compiles, too: another number would compile all of it once more."""
    parts, threads = build(cfg(overlap=overlap)), set[int]()
    parts.learner.ready = False
    update = parts.agent.update

    def noting(batch: Batch, run: Branch | None) -> dict[str, Tensor]:
        threads.add(torch.get_num_threads())
        return update(batch, run)

    monkeypatch.setattr(parts.agent, "update", noting)
    with torch_threads(2):
        iterate(parts, 13)
    assert len(threads) == 1


def test_noise_is_that_of_the_run() -> None:
    """A copy with a stream of its own would play the same noise after each resume."""
    parts = build(cfg(overlap=True))
    state = parts.agent.generators()["explore"].get_state()
    iterate(parts, 12)
    assert not torch.equal(parts.agent.generators()["explore"].get_state(), state)
    behavior = parts.schedule._behavior  # pyright: ignore[reportAttributeAccessIssue]
    assert behavior.explorer is parts.agent.explorer


def test_no_batch_is_looked_up_while_the_replay_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = build(cfg(overlap=True))
    iterate(parts, 15)
    done = list[str]()
    side = parts.schedule._side  # pyright: ignore[reportAttributeAccessIssue]
    note_calls(monkeypatch, side, "begin", done, "begin")
    note_calls(monkeypatch, side, "join", done, "join")
    note_calls(monkeypatch, parts.replay, "load", done, "write")
    iterate(parts, 5)  # the second episode ends with the last
    quiet = ["begin", "join"]
    assert done == quiet * 4 + ["begin", "join", "write", "begin", "join"]


def test_on_a_cpu_there_is_no_second_stream() -> None:
    side = SideStream(torch.device("cpu"))
    side.begin()
    with side.active():
        x = torch.ones(1)
    side.join()
    assert x == 1


@pytest.mark.gpu
def test_on_a_gpu_updates_beside_physics_are_those_that_are_made_alone() -> None:
    """The same batches from the same replay, on a stream of their own or on the only one."""
    base = preset("push-gpu")
    small = replace(
        base,
        sim=replace(base.sim, num_worlds=64),
        agent=replace(base.agent, batch_size=64, hidden=(64,)),
        loop=replace(base.loop, overlap=True, warm_up_episodes=64, compile=False),
        replay=replace(base.replay, capacity=20_000),
    )
    parts = build(small)
    agent, learner = parts.agent, parts.learner
    iterate(
        parts, 16
    )  # of 5 to an episode: the next ends none, and leaves the replay alone
    streams = {**agent.generators(), "replay": parts.replay_rng}
    drawn = {name: rng.get_state() for name, rng in streams.items()}
    before = {name: tensor.clone() for name, tensor in agent.tensors().items()}
    owed = learner.ratio.debt
    iterate(parts, 1)
    beside = {name: tensor.clone() for name, tensor in agent.tensors().items()}

    agent.load(before)
    for name, rng in streams.items():
        rng.set_state(drawn[name])
    learner.ratio.debt = owed
    rounds = learner.pending()
    assert rounds.left > 10
    rounds.run(rounds.left)
    rounds.means()
    assert not torch.equal(beside["actor"], before["actor"])
    for name, tensor in agent.tensors().items():
        torch.testing.assert_close(beside[name], tensor, atol=1e-5, rtol=1e-4, msg=name)

"""Agents with memory: acting step by step equals the pass over a sequence."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.policy import ActorPolicy
from puckrl.core.errors import UserError
from puckrl.core.sections import section
from puckrl.core.types import HISTORY, HISTORY_STEP, Batch, Obs
from puckrl.nets.inputs import MEMORY, inputs_of
from puckrl.nets.memory import MemoryCfg, MemoryKind
from tests.agents import small

KINDS: tuple[MemoryKind, ...] = ("stack", "gru", "lstm", "scan")
HORIZON = small.SPACES.horizon


def made(rule: str, kind: MemoryKind, **settings: Any) -> ActorCritic:
    """Return a small agent with memory."""
    memory = MemoryCfg(kind, stack=3, size=6, steps=4)
    return small.AGENTS[rule](memory=replace(memory, **settings))


def sequences(agent: ActorCritic, rng: torch.Generator) -> Batch:
    """Draw the batch of a round, with sequences of random states."""
    history = agent.batch_spec.history
    assert history is not None
    batch = small.batch(agent.batch_spec.transitions, rng)
    count = len(batch.action) // history.steps
    length = history.length(HORIZON)
    states = torch.randn(count, length + 1, small.SPACES.state_dim, generator=rng)
    at = torch.randint(length, (len(batch.action),), generator=rng)
    row = torch.arange(len(at)) // history.steps

    def at_step(obs: Obs, step: torch.Tensor) -> Obs:
        now = {"state": states[row, step], HISTORY: states, HISTORY_STEP: step}
        return {**obs, **now}

    return batch._replace(
        obs=at_step(batch.obs, at), next_obs=at_step(batch.next_obs, at + 1)
    )


def learned(agent: ActorCritic, rng: torch.Generator) -> ActorCritic:
    """Return an agent after some rounds, its normalizers no longer the identity."""
    agent.update_normalizers(small.obs(50, rng))
    for _ in range(3):
        agent.update(sequences(agent, rng))
    return agent


@pytest.mark.parametrize("rule", list(small.AGENTS))
@pytest.mark.parametrize("kind", KINDS)
def test_acting_equals_the_pass_over_the_sequence(
    rule: str, kind: MemoryKind, rng: torch.Generator
) -> None:
    agent = learned(made(rule, kind), rng)
    for policy in (agent.policy, agent.averaged, agent.policy.copy()):
        policy.memory = policy.memory.fresh()
        goals = small.obs(5, rng)
        states = torch.randn(5, HORIZON + 1, 5, generator=rng)
        for step in range(HORIZON):
            at = torch.full((5,), step)
            now = {**goals, "state": states[:, step]}
            acted = policy.act(now, explore=False)
            whole = policy.mode({**now, HISTORY: states, HISTORY_STEP: at})
            torch.testing.assert_close(acted, whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rule", list(small.AGENTS))
@pytest.mark.parametrize("kind", KINDS)
def test_every_memory_is_trained_and_measured(
    rule: str, kind: MemoryKind, rng: torch.Generator
) -> None:
    agent = made(rule, kind)
    before = {n: flat.vector.clone() for n, (flat, _) in agent.networks.items()}
    metrics = agent.update(sequences(agent, rng))
    critics_remember = inputs_of(agent.critic).memory is not None
    assert critics_remember == (rule != "distill")
    for name, flat in (("actor", agent.actor), ("critic", agent.critic)):
        span = flat.span(MEMORY)
        trained = kind != "stack" and inputs_of(flat).memory is not None
        assert bool(span.stop) == trained
        assert (f"train/{name}_memory_grad_norm" in metrics) == trained
        if trained:
            assert float(metrics[f"train/{name}_memory_grad_norm"]) > 0
            assert not torch.equal(flat.vector[span], before[name][span])


def test_the_memory_has_a_learning_rate_of_its_own(rng: torch.Generator) -> None:
    slow, usual = made("sac", "gru", lr=1e-5), made("sac", "gru")
    batch, start = sequences(slow, rng), slow.actor.vector.clone()
    for agent in (slow, usual):
        agent.update(batch)
    ours, theirs = slow.actor.vector - start, usual.actor.vector - start
    span = slow.actor.span(MEMORY)
    torch.testing.assert_close(100 * ours[span], theirs[span], rtol=1e-2, atol=1e-6)
    torch.testing.assert_close(ours[span.stop :], theirs[span.stop :])


@pytest.mark.parametrize("kind", KINDS)
def test_a_world_whose_episode_is_over_is_forgotten(
    kind: MemoryKind, rng: torch.Generator
) -> None:
    policy = made("td3", kind).policy
    obs = small.obs(4, rng)
    first = policy.act(obs, explore=False)
    second = policy.act(obs, explore=False)
    assert (first != second).any(dim=1).all()
    policy.reset(torch.tensor([True, False, True, False]))
    third = policy.act(obs, explore=False)
    assert torch.equal(third[[0, 2]], first[[0, 2]])
    assert (third[[1, 3]] != first[[1, 3]]).any(dim=1).all()
    policy.reset(torch.ones(4, dtype=torch.bool))
    assert torch.equal(policy.act(obs, explore=False), first)


def test_the_judged_policy_remembers_on_its_own(rng: torch.Generator) -> None:
    agent = made("sac", "gru")
    agent.policy.act(small.obs(4, rng), explore=True)
    other = small.obs(7, rng)
    alone = made("sac", "gru").averaged.act(other, explore=False)
    assert torch.equal(agent.averaged.act(other, explore=False), alone)


@pytest.mark.parametrize("rule", list(small.AGENTS))
def test_the_state_is_in_the_snapshot(rule: str, rng: torch.Generator) -> None:
    agent, obs = learned(made(rule, "lstm"), rng), small.obs(4, rng)
    agent.behavior.act(obs, explore=True)
    saved = {name: value.clone() for name, value in agent.tensors().items()}
    assert section("memory", saved)["state"].shape == (4, 12)
    again = made(rule, "lstm")
    again.load(saved)
    for name, value in agent.tensors().items():
        assert torch.equal(value, again.tensors()[name]), name
    acted = [one.behavior.act(obs, explore=False) for one in (agent, again)]
    assert torch.equal(*acted)


def test_other_worlds_are_refused_in_one_line(rng: torch.Generator) -> None:
    policy = made("sac", "gru").policy
    assert isinstance(policy, ActorPolicy)
    policy.act(small.obs(4, rng), explore=False)
    with pytest.raises(UserError, match=r"remembers 4 worlds.*of 3; call reset"):
        policy.act(small.obs(3, rng), explore=False)


@pytest.mark.parametrize("kind", KINDS)
def test_critics_see_history_of_their_own_sensors(
    kind: MemoryKind, rng: torch.Generator
) -> None:
    """The actor reads two of five columns; its critics read all, of every step."""
    memory = MemoryCfg(kind, stack=3, size=6, steps=4)
    agent = small.sac(memory=memory, actor_sensors=small.HALF)
    batch = sequences(agent, rng)
    changed = {**batch.obs, HISTORY: batch.obs[HISTORY].clone()}
    changed[HISTORY][:, :, 4] += 1.0  # a column that the actor does not get
    outputs = [agent.actor.module(obs) for obs in (batch.obs, changed)]
    values = [agent.critic.module(obs, batch.action) for obs in (batch.obs, changed)]
    assert torch.equal(*outputs)
    assert (values[0] != values[1]).float().mean() > 0.9

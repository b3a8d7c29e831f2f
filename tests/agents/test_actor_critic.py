"""Common behavior of all agents: updates, inputs of networks, reproducibility."""

import pytest
import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.networks import sensor_columns
from puckrl.agents.settings import ExploreCfg
from puckrl.core.types import Sensor, Spaces
from tests.agents import small

every = pytest.mark.parametrize("kind", list(small.AGENTS))


def _vectors(agent: ActorCritic) -> dict[str, torch.Tensor]:
    names = ("actor", "critic", "actor_target", "critic_target")
    return {name: agent.tensors()[name].clone() for name in names}


@every
def test_a_critic_update_moves_the_critics_only(
    kind: str, rng: torch.Generator
) -> None:
    agent = small.AGENTS[kind]()
    before = _vectors(agent)
    agent._update_critic(small.batch(8, rng), torch.zeros(8))
    moved = {n for n, v in _vectors(agent).items() if not torch.equal(v, before[n])}
    assert moved == {"critic"}


@pytest.mark.parametrize("kind", ["td3", "sac"])  # distill: a branch of its own
def test_an_actor_update_moves_the_actor_only(kind: str, rng: torch.Generator) -> None:
    agent = small.AGENTS[kind]()
    before = _vectors(agent)
    agent._update_actor(small.obs(8, rng), torch.zeros(8, 3))
    moved = {n for n, v in _vectors(agent).items() if not torch.equal(v, before[n])}
    assert moved == {"actor"}


@every
def test_targets_move_by_tau_once_a_round(kind: str) -> None:
    settings = {"student_tau": 0.1} if kind == "distill" else {}
    agent = small.AGENTS[kind](tau=0.1, actor_delay=3, **settings)
    before = _vectors(agent)
    small.learn(agent, 1)
    after = _vectors(agent)
    for name in ("actor", "critic"):
        expected = 0.9 * before[f"{name}_target"] + 0.1 * after[name]
        torch.testing.assert_close(after[f"{name}_target"], expected)
        assert not torch.equal(after[name], before[name])


@every
@pytest.mark.parametrize("delay", [1, 2, 4])
def test_the_actor_moves_once_per_delay_updates_of_the_critics(
    kind: str, delay: int
) -> None:
    agent = small.AGENTS[kind](actor_delay=delay)
    assert agent.updates_per_round == delay
    assert agent.batch_spec.transitions == delay * 8
    small.learn(agent, 3)
    assert agent.critic_adam.steps == 3 * delay
    assert agent.actor_adam.steps == 3


@every
def test_only_the_actors_gradient_is_clipped(kind: str) -> None:
    assert small.AGENTS[kind](max_grad_norm=0.5).actor_adam.max_grad_norm == 0.5
    assert small.AGENTS[kind](max_grad_norm=0.5).critic_adam.max_grad_norm == 0.0


@every
def test_each_network_sees_its_own_sensors(kind: str, rng: torch.Generator) -> None:
    agent = small.AGENTS[kind](actor_sensors=small.HALF)
    obs, action = small.obs(4, rng), torch.zeros(4, 3)
    other = {**obs, "state": obs["state"].clone()}
    other["state"][:, 2:] += 1.0  # beyond proprio
    assert torch.equal(agent.policy.mode(obs), agent.policy.mode(other))
    q, other_q = (agent.critic.module(o, action) for o in (obs, other))
    assert not torch.equal(q, other_q)


def test_sensor_columns_are_sorted_and_unique() -> None:
    sensors = {"a": Sensor((4, 1), "", ""), "b": Sensor((1, 2), "", "")}
    spaces = Spaces(6, 2, 2, 10, sensors)
    assert sensor_columns(("a", "b"), spaces) == [1, 2, 4]
    assert sensor_columns(("state",), spaces) == [0, 1, 2, 3, 4, 5]
    assert sensor_columns(("a", "state"), spaces) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(KeyError):
        sensor_columns(("camera",), spaces)


@every
def test_actions_lie_in_the_box_and_repeat_without_exploration(
    kind: str, rng: torch.Generator
) -> None:
    agent = small.AGENTS[kind](explore=ExploreCfg(sigma=3.0))
    obs = small.obs(500, rng)
    assert agent.behavior.act(obs, explore=True).abs().max() <= 1.0
    assert torch.equal(
        agent.averaged.act(obs, explore=False), agent.averaged.act(obs, explore=False)
    )
    assert agent.averaged.act(obs, explore=False).shape == (500, 3)


@every
def test_same_seed_twice_is_equal_bit_for_bit(kind: str, rng: torch.Generator) -> None:
    obs = small.obs(16, rng)
    one, two, other = (small.AGENTS[kind](seed=s) for s in (3, 3, 4))
    for agent in (one, two, other):
        torch.rand(7)  # the global stream has no say
        small.learn(agent, 3)
    for name, value in one.tensors().items():
        assert torch.equal(value, two.tensors()[name]), name
    assert torch.equal(
        one.behavior.act(obs, explore=True), two.behavior.act(obs, explore=True)
    )
    assert not torch.equal(one.actor.vector, other.actor.vector)


def test_building_an_agent_leaves_the_global_stream_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    small.td3(seed=9)
    assert torch.equal(torch.rand(3), expected)


@every
def test_a_restored_agent_continues_bit_for_bit(
    kind: str, rng: torch.Generator
) -> None:
    settings = {"target_noise": 0.2} if kind == "td3" else {"tune_alpha": True}
    agent = small.AGENTS[kind](seed=0, **settings)
    agent.update_normalizers(small.obs(100, rng))
    small.learn(agent, 3)
    saved = {name: value.clone() for name, value in agent.tensors().items()}
    streams = {name: g.get_state() for name, g in agent.generators().items()}
    restored = small.AGENTS[kind](seed=1, **settings)
    assert restored.tensors().keys() == saved.keys()
    restored.load(saved)
    for name, stream in restored.generators().items():
        stream.set_state(streams[name])
    for each in (agent, restored):
        each.update_normalizers(small.obs(50, torch.Generator().manual_seed(5)))
        small.learn(each, 3, seed=2)
    for name, value in agent.tensors().items():
        assert torch.equal(value, restored.tensors()[name]), name
    obs = small.obs(16, rng)
    assert torch.equal(
        agent.behavior.act(obs, explore=True), restored.behavior.act(obs, explore=True)
    )


@every
def test_metrics_are_scalars_with_slashes(kind: str) -> None:
    metrics = small.learn(small.AGENTS[kind](), 1)
    assert all(value.shape == () for value in metrics.values())
    assert all(name.startswith("train/") for name in metrics)
    assert {"train/critic_loss", "train/actor_loss", "train/q_mean"} <= set(metrics)

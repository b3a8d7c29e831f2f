"""SAC against a plain re-implementation, and the parts that it adds."""

import math
from typing import Any

import pytest
import torch

from puckrl.agents.sac import squashed_gaussian
from puckrl.agents.settings import ExploreCfg
from tests.agents import small
from tests.agents.plain import PlainSac, policy

# As in test_td3; torch.distributions inverts the tanh, which costs some more bits.
_TOLERANCE = 5e-5


def test_log_density_equals_torch_distributions(rng: torch.Generator) -> None:
    outputs = torch.randn(500, 6, generator=rng).double().clamp(-1.0, 1.0)
    noise = torch.randn(500, 3, generator=rng).double()
    action, log_prob = squashed_gaussian(outputs, noise)
    assert action.shape == (500, 3)
    expected = policy(outputs).log_prob(action)
    torch.testing.assert_close(log_prob, expected, atol=1e-6, rtol=1e-6)


def test_log_density_at_the_middle_by_hand() -> None:
    # mu = 0, sigma = 1, eps = 0: tanh is the identity there, so the density is Gaussian
    _, log_prob = squashed_gaussian(torch.zeros(1, 4), torch.zeros(1, 2))
    assert log_prob.item() == pytest.approx(-math.log(2 * math.pi), rel=1e-6)


def test_log_density_survives_saturation() -> None:
    outputs = torch.tensor([[60.0, 0.0], [-60.0, 0.0]])
    action, log_prob = squashed_gaussian(outputs, torch.zeros(2, 1))
    assert action.tolist() == [[1.0], [-1.0]]
    # log(1 - tanh(u)²) -> 2 log 2 - 2 |u|
    by_hand = -0.5 * math.log(2 * math.pi) - 2 * math.log(2) + 120
    assert log_prob.tolist() == pytest.approx([by_hand] * 2)


@pytest.mark.parametrize(("log_std", "held"), [(-50.0, -5.0), (9.0, 2.0)])
def test_deviations_are_held_between_bounds(log_std: float, held: float) -> None:
    noise = torch.full((1, 1), 0.01)
    wild = squashed_gaussian(torch.tensor([[0.3, log_std]]), noise)
    tame = squashed_gaussian(torch.tensor([[0.3, held]]), noise)
    assert wild == tame


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"critics": 2, "actor_delay": 3, "alpha": 0.2},
        {"critics": 2, "actor_delay": 1, "tune_alpha": True, "alpha_lr": 1e-2},
        {"max_grad_norm": 1e-3, "action_l2": 1.0, "alpha": 0.5},
    ],
)
def test_rounds_equal_plain_torch(
    settings: dict[str, Any], rng: torch.Generator
) -> None:
    agent = small.sac(**settings)
    agent.update_normalizers(small.obs(200, rng))
    plain = PlainSac(agent)
    for _ in range(10):
        batch = small.batch(agent.batch_spec.transitions, rng)
        noise = torch.randn(2, agent.batch_spec.transitions, 3, generator=rng)
        with torch.no_grad():
            agent.round(batch, noise, small.NO_SHIFTS)
        plain.round(batch, noise)
    for ours, theirs in (
        (agent.critic.vector, plain.critic),
        (agent.critic_target, plain.critic_target),
        (agent.actor.vector, plain.actor),
    ):
        torch.testing.assert_close(ours, theirs.vector(), atol=_TOLERANCE, rtol=0)
    torch.testing.assert_close(agent.log_alpha, plain.log_alpha.detach())


def test_a_fixed_temperature_stays() -> None:
    agent = small.sac(alpha=0.1)
    small.learn(agent, 5)
    assert agent.log_alpha.exp().item() == pytest.approx(0.1)


@pytest.mark.parametrize(("wanted", "sign"), [(-20.0, -1), (20.0, 1)])
def test_the_temperature_falls_while_entropy_is_above_its_target(
    wanted: float, sign: int
) -> None:
    agent = small.sac(tune_alpha=True, target_entropy=wanted, alpha_lr=0.1)
    before = agent.log_alpha.item()
    metrics = small.learn(agent, 5)
    assert (agent.log_alpha.item() - before) * sign > 0.1
    assert metrics["train/alpha"].item() == pytest.approx(agent.log_alpha.exp().item())


def test_the_target_entropy_defaults_to_minus_the_action_components() -> None:
    assert small.sac().target_entropy == -3.0
    assert small.sac(target_entropy=0.0).target_entropy == 0.0


def test_exploration_samples_the_policy(rng: torch.Generator) -> None:
    agent = small.sac(explore=ExploreCfg(0.0, explorer_share=0.0))
    one = {name: x.expand(20_000, -1) for name, x in small.obs(1, rng).items()}
    mean, log_std = agent.actor.module(one)[0].chunk(2)
    raw = torch.atanh(
        agent.behavior.act(one, explore=True).double().clamp(-1 + 1e-9, 1 - 1e-9)
    )
    torch.testing.assert_close(raw.mean(dim=0).float(), mean, atol=0.04, rtol=0)
    torch.testing.assert_close(
        raw.std(dim=0).float(), log_std.exp(), atol=0.03, rtol=0.03
    )

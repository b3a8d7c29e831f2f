"""TD3 against a plain re-implementation, and the parts that it adds."""

from typing import Any

import pytest
import torch

from puckrl.agents.settings import ExploreCfg
from tests.agents import small
from tests.agents.plain import PlainTd3

# float32, other order of sums; Adam divides by the root of tiny second moments, so
# the last bits of a gradient show as a share of lr = 1e-3 in the weights
_TOLERANCE = 2e-5


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"critics": 2, "actor_delay": 3},
        {"critics": 3, "actor_delay": 1, "target_noise": 0.4},
        {"max_grad_norm": 1e-3, "action_l2": 1.0},
        {"gamma": 0.5, "tau": 0.3},
    ],
)
def test_rounds_equal_plain_torch(
    settings: dict[str, Any], rng: torch.Generator
) -> None:
    agent = small.td3(**settings)
    agent.update_normalizers(small.obs(200, rng))
    plain, start = PlainTd3(agent), agent.actor.vector.clone()
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
        (agent.actor_target, plain.actor_target),
    ):
        torch.testing.assert_close(ours, theirs.vector(), atol=_TOLERANCE, rtol=0)
    assert (agent.actor.vector - start).abs().max() > 5e-3


def test_smoothing_noise_is_clipped_and_stays_in_the_action_range(
    rng: torch.Generator,
) -> None:
    agent = small.td3(target_noise=1.0, target_noise_clip=0.25)
    batch = small.batch(8, rng)
    large, limit = torch.full((8, 3), 100.0), torch.full((8, 3), 0.25)
    assert torch.equal(agent.target(batch, large), agent.target(batch, limit))
    assert not torch.equal(agent.target(batch, large), agent.target(batch, -large))
    agent.actor_target.mul_(1e3)  # saturates the tanh: no room above, none below
    bang = torch.tanh(agent.actor(agent.actor_target, batch.next_obs)).sign()
    outward = agent.target(batch, 100.0 * bang)
    torch.testing.assert_close(outward, agent.target(batch, 0.0 * bang))


def test_targets_are_those_of_the_reward_bounds() -> None:
    assert small.td3(gamma=0.95).bounds == pytest.approx((-20.0, 0.0))
    assert small.td3(gamma=0.9).bounds == pytest.approx((-10.0, 0.0))


def test_exploration_is_gaussian_around_the_mean(rng: torch.Generator) -> None:
    agent = small.td3(explore=ExploreCfg(0.0, explorer_share=0.0, sigma=0.05))
    agent.actor.vector.mul_(0.1)  # small means: nothing is clipped
    obs = small.obs(20_000, rng)
    noise = agent.behavior.act(obs, explore=True) - agent.policy.mode(obs)
    # 60,000 draws: mean within 4 deviations, deviation within 2 %
    assert noise.mean().item() == pytest.approx(0.0, abs=4 * 0.05 / 60_000**0.5)
    assert noise.std().item() == pytest.approx(0.05, rel=0.02)

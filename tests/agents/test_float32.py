"""A policy is judged, kept and filmed in float32, whatever it learns in."""

import pytest
import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.core.runtime import exact_float32
from tests.agents import small
from tests.agents.test_policy import MAKERS, learn, observe
from tests.agents.test_vision import agent as seeing

BF16 = {
    "td3": lambda: small.td3(precision="bf16"),
    "sac": lambda: small.sac(precision="bf16"),
    "distill": lambda: small.distill(precision="bf16"),
    "sac from pixels": lambda: seeing("sac", precision="bf16"),
    "distill from pixels": lambda: seeing("distill", precision="bf16"),
}


def in_both(kind: str, rng: torch.Generator) -> tuple[ActorCritic, ActorCritic]:
    """Return an agent that learned in bf16, and the same weights in float32."""
    agent, plain = BF16[kind](), MAKERS[kind]()
    for _ in range(3):
        learn(agent, rng)
    plain.load({name: x.clone() for name, x in agent.tensors().items()})
    return agent, plain


@pytest.mark.parametrize("kind", BF16)
def test_the_judged_policy_acts_in_float32(kind: str, rng: torch.Generator) -> None:
    agent, plain = in_both(kind, rng)
    obs = observe(rng)
    judged, same = (a.averaged.act(obs, explore=False) for a in (agent, plain))
    torch.testing.assert_close(judged, same, atol=1e-6, rtol=0.0)


@pytest.mark.parametrize("kind", BF16)
def test_the_policy_that_learns_acts_in_its_own_precision(
    kind: str, rng: torch.Generator
) -> None:
    """Else the test above would pass with a setting that does nothing."""
    agent, plain = in_both(kind, rng)
    obs = observe(rng)
    learning, same = (a.policy.act(obs, explore=False) for a in (agent, plain))
    assert (learning - same).abs().max() > 1e-6


@pytest.mark.parametrize("kind", BF16)
def test_the_judged_policy_follows_the_average_as_it_learns(
    kind: str, rng: torch.Generator
) -> None:
    agent, obs = BF16[kind](), observe(rng)
    learn(agent, rng)
    before = agent.averaged.act(obs, explore=False)
    agent.update_normalizers(small.obs(50, rng))
    normalized = agent.averaged.act(obs, explore=False)
    assert not torch.equal(before, normalized), "the statistics are not shared"
    agent.average.vectors["actor"].mul_(0.5)
    after = agent.averaged.act(obs, explore=False)
    assert not torch.equal(normalized, after), "the averaged weights are not shared"


def test_tf32_is_off_inside_and_as_before_outside() -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32
    with exact_float32():
        assert not cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert cudnn.allow_tf32 == before

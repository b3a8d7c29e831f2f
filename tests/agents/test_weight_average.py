"""The average of weights that is evaluated."""

from collections.abc import Callable

import pytest
import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.weight_average import WeightAverage
from tests.agents import small
from tests.agents.test_vision import agent as seeing
from tests.agents.test_vision import batch


def means(share: float, values: list[float]) -> list[float]:
    """Return the average after each value of a parameter that begins at 100."""
    vector, found = torch.tensor([100.0]), list[float]()
    average = WeightAverage(share, {"actor": vector})
    for value in values:
        vector.fill_(value)
        average.update()
        found.append(average.vectors["actor"].item())
    return found


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, [4.0, 8.0, 6.0]),
        # the second counts 1 / 1.5, the third 1 / 2
        (0.5, [4.0, 4 / 3 + 16 / 3, (4 / 3 + 16 / 3) / 2 + 3.0]),
        (1.0, [4.0, 6.0, 6.0]),
    ],
)
def test_worked_by_hand(share: float, expected: list[float]) -> None:
    assert means(share, [4.0, 8.0, 6.0]) == pytest.approx(expected)


def test_the_last_share_counts_most_however_long_the_run() -> None:
    for rounds in (200, 2000):
        ramp = means(0.1, [float(t) for t in range(1, rounds + 1)])
        # values that count as t^9: their mean is 10/11 of the way
        assert ramp[-1] / rounds == pytest.approx(10 / 11, rel=0.01)


@pytest.mark.parametrize("make", [small.td3, small.sac, small.distill])
def test_the_judged_policy_has_mean_weights(make: Callable[..., ActorCritic]) -> None:
    agent, obs = make(average_share=0.5), small.obs(8, torch.Generator().manual_seed(0))
    before = agent.averaged.act(obs, explore=False)
    seen = list[torch.Tensor]()
    for _ in range(2):
        small.learn(agent, 1)
        seen.append(agent.actor.vector.clone())
    mean = seen[0].lerp(seen[1], 1 / 1.5)
    expected = torch.tanh(agent.actor(mean, obs)[:, :3])
    torch.testing.assert_close(agent.averaged.act(obs, explore=False), expected)
    assert not torch.equal(expected, before)
    newest = torch.tanh(agent.actor.module(obs)[:, :3])
    assert not torch.equal(expected, newest)


def test_the_judged_policy_encodes_with_mean_weights(rng: torch.Generator) -> None:
    agent = seeing()
    assert set(agent.average.vectors) == {"actor", "pixels"}
    obs = batch(4, rng).obs
    before = agent.averaged.act(obs, explore=False)
    agent.average.vectors["pixels"].mul_(0.5)
    assert not torch.equal(agent.averaged.act(obs, explore=False), before)
    assert set(small.sac().average.vectors) == {"actor"}

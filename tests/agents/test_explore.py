"""Exploration: which worlds act at random, how often, and with which actions."""

import math

import pytest
import torch
from scipy import stats

from puckrl.agents.explore import mix_in_random, random_action
from puckrl.agents.settings import ExploreCfg
from tests.agents import small


def test_uniform_actions_are_uniform(rng: torch.Generator) -> None:
    action = random_action(ExploreCfg(corners=False), 5000, 3, rng)
    for component in action.T:
        unit = ((component + 1) / 2).numpy()
        assert stats.kstest(unit, "uniform").pvalue > 1e-3


def test_corners_are_equally_likely(rng: torch.Generator) -> None:
    action = random_action(ExploreCfg(corners=True), 8000, 3, rng)
    assert set(action.unique().tolist()) == {-1.0, 1.0}
    corner = ((action > 0).long() * torch.tensor([1, 2, 4])).sum(dim=1)
    assert stats.chisquare(torch.bincount(corner).numpy()).pvalue > 1e-3


@pytest.mark.parametrize("share", [0.0, 0.2, 0.7])
def test_the_share_of_random_actions(share: float, rng: torch.Generator) -> None:
    n, policy = 10_000, torch.zeros(10_000, 3)
    cfg = ExploreCfg(random_share=share, explorer_share=0.0)
    kept = mix_in_random(cfg, policy, rng) == policy
    assert torch.equal(kept.any(dim=1), kept.all(dim=1)), "whole actions are replaced"
    got = 1 - kept.all(dim=1).float().mean().item()
    assert got == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / n))


def test_explorers_are_the_first_worlds_and_always_random(rng: torch.Generator) -> None:
    cfg = ExploreCfg(random_share=0.0, explorer_share=0.25)
    policy = torch.zeros(8, 3)
    for _ in range(50):
        action = mix_in_random(cfg, policy, rng)
        assert (action[:2].abs() == 1.0).all()
        assert torch.equal(action[2:], policy[2:])


def test_an_agent_explores_by_its_configuration(rng: torch.Generator) -> None:
    agent = small.td3(explore=ExploreCfg(0.0, explorer_share=0.5, sigma=0.0))
    obs = small.obs(10, rng)
    action, mean = (
        agent.behavior.act(obs, explore=True),
        agent.averaged.act(obs, explore=False),
    )
    assert (action[:5].abs() == 1.0).all()
    assert torch.equal(action[5:], mean[5:])
    assert (agent.random.act(obs, explore=True).abs() == 1.0).all()

"""A cue is shown in the first step only: who remembers it acts on it, nobody else can."""

from typing import Any

import pytest
import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.core.types import HISTORY, HISTORY_STEP, Batch
from puckrl.nets.memory import MemoryCfg, MemoryKind
from tests.agents import small

pytestmark = pytest.mark.learn
LENGTH, STEPS = small.SPACES.horizon, 4


def batch(agent: ActorCritic, rng: torch.Generator, steps: int) -> Batch:
    """Draw a batch whose reward is minus the squared distance of action and cue."""
    count = agent.batch_spec.transitions
    cue = torch.randint(2, (count // steps,), generator=rng) * 1.6 - 0.8
    states = torch.zeros(count // steps, LENGTH + 1, small.SPACES.state_dim)
    states[:, 0, 0] = cue
    row = torch.arange(count) // steps
    at = torch.randint(2, LENGTH, (count,), generator=rng)
    action = torch.rand(count, 3, generator=rng) * 2 - 1
    goal = torch.zeros(count, small.SPACES.goal_dim)
    obs = [
        {
            "state": states[row, step],
            "achieved_goal": goal,
            "desired_goal": goal,
            HISTORY: states,
            HISTORY_STEP: step,
        }
        for step in (at, at + 1)
    ]
    reward = -(action[:, 0] - cue[row]).square() / 4
    return Batch(obs[0], action, reward, obs[1], torch.zeros(count))


def remembered_share(agent: ActorCritic, rng: torch.Generator) -> float:
    """Return the share of worlds where the last action has the sign of the cue."""
    cue = torch.randint(2, (200,), generator=rng) * 1.6 - 0.8
    goal = torch.zeros(200, small.SPACES.goal_dim)
    action = torch.zeros(200, 3)
    agent.averaged.reset(torch.ones(200, dtype=torch.bool))
    for step in range(LENGTH):
        state = torch.zeros(200, small.SPACES.state_dim)
        state[:, 0] = cue * (step == 0)
        obs = {"state": state, "achieved_goal": goal, "desired_goal": goal}
        action = agent.averaged.act(obs, explore=False)
    return float((action[:, 0] * cue > 0).float().mean())


@pytest.mark.parametrize("rule", ["td3", "sac"])
@pytest.mark.parametrize("kind", ["gru", "lstm", "scan", "none"])
def test_a_cue_is_remembered(rule: str, kind: MemoryKind, rng: torch.Generator) -> None:
    settings: dict[str, Any] = {"gamma": 0.0, "batch_size": 64, "hidden": (32, 32)}
    memory = MemoryCfg(kind, size=16, steps=STEPS)
    agent = small.AGENTS[rule](memory=memory, **settings)
    for _ in range(1000):
        agent.update(batch(agent, rng, STEPS))
    share = remembered_share(agent, rng)
    assert (share < 0.8) if kind == "none" else (share > 0.95)

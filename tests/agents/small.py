"""A small world for agents: sizes, settings and batches that every test here uses."""

from typing import Any

import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.distill import Distill
from puckrl.agents.sac import Sac
from puckrl.agents.settings import DistillCfg, SacCfg, Td3Cfg
from puckrl.agents.td3 import Td3
from puckrl.core.types import Batch, Obs, Sensor, Spaces

CPU = torch.device("cpu")
SPACES = Spaces(
    state_dim=5,
    goal_dim=2,
    action_dim=3,
    horizon=10,
    sensors={"proprio": Sensor((0, 1), "encoders", "m")},
)
HALF = ("proprio", "achieved_goal", "desired_goal")
BOUNDS = (-1.0, 0.0)
NO_SHIFTS = torch.zeros(2, 0)
_SMALL: dict[str, Any] = {"hidden": (16, 16), "batch_size": 8, "precision": "fp32"}


def td3(seed: int = 0, **settings: Any) -> Td3:
    """Return a TD3 agent with small networks."""
    return Td3(Td3Cfg(**{**_SMALL, **settings}), SPACES, BOUNDS, seed, CPU)


def sac(seed: int = 0, **settings: Any) -> Sac:
    """Return a SAC agent with small networks."""
    return Sac(SacCfg(**{**_SMALL, **settings}), SPACES, BOUNDS, seed, CPU)


def distill(seed: int = 0, **settings: Any) -> Distill:
    """Return a distilled agent with small networks and a partially observing student."""
    cfg = DistillCfg(**{**_SMALL, "actor_sensors": HALF, **settings})
    return Distill(cfg, SPACES, BOUNDS, seed, CPU)


AGENTS = {"td3": td3, "sac": sac, "distill": distill}


def obs(count: int, rng: torch.Generator) -> Obs:
    """Draw random observations."""
    return {
        "state": torch.randn(count, SPACES.state_dim, generator=rng),
        "achieved_goal": torch.randn(count, SPACES.goal_dim, generator=rng),
        "desired_goal": torch.randn(count, SPACES.goal_dim, generator=rng),
    }


def batch(count: int, rng: torch.Generator) -> Batch:
    """Draw random transitions, sparse rewards, some of them terminal."""
    before = obs(count, rng)
    after = {**obs(count, rng), "desired_goal": before["desired_goal"]}
    return Batch(
        obs=before,
        action=torch.rand(count, SPACES.action_dim, generator=rng) * 2 - 1,
        reward=-(torch.rand(count, generator=rng) < 0.7).float(),
        next_obs=after,
        terminated=(torch.rand(count, generator=rng) < 0.2).float(),
    )


def learn(agent: ActorCritic, rounds: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Make some rounds on random batches; return the last metrics."""
    rng = torch.Generator().manual_seed(seed)
    metrics: dict[str, torch.Tensor] = {}
    for _ in range(rounds):
        metrics = agent.update(batch(agent.batch_spec.transitions, rng))
    return metrics

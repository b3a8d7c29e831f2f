"""Exploration while collecting.

Agents learn sparse rewards from episodes in which the achieved goal moved, and an
untrained policy moves it less often than random actions do. So a share of the worlds
always acts at random while the others follow the policy, as in Horgan et al. (2018),
"Distributed prioritized experience replay", section 4.1 (an exploration level per actor).
"""

import torch
from torch import Tensor

from puckrl.agents.settings import ExploreCfg


class Explorer:
    """Draws exploration noise and random actions from one generator.

    Args:
        cfg: shares and scales.
        action_dim: components of an action.
        rng: random number generator on the device of the actions.
    """

    def __init__(self, cfg: ExploreCfg, action_dim: int, rng: torch.Generator) -> None:
        self.cfg, self.action_dim, self.rng = cfg, action_dim, rng

    def noise(self, count: int) -> Tensor:
        """Draw standard normal noise, (count, action_dim)."""
        shape = (count, self.action_dim)
        return torch.randn(shape, generator=self.rng, device=self.rng.device)

    def mix(self, action: Tensor) -> Tensor:
        """Clip sampled actions (B, action_dim) to [-1, 1]; replace some by random ones."""
        return mix_in_random(self.cfg, action.clamp(-1.0, 1.0), self.rng)

    def random(self, count: int) -> Tensor:
        """Draw random actions, (count, action_dim) float32."""
        return random_action(self.cfg, count, self.action_dim, self.rng)


def random_action(
    cfg: ExploreCfg, count: int, action_dim: int, rng: torch.Generator
) -> Tensor:
    """Draw random actions, (count, action_dim) float32."""
    unit = torch.rand(count, action_dim, generator=rng, device=rng.device)
    action = 2.0 * unit - 1.0
    return torch.where(action < 0, -1.0, 1.0) if cfg.corners else action


def mix_in_random(cfg: ExploreCfg, action: Tensor, rng: torch.Generator) -> Tensor:
    """Replace some actions of the policy by random ones.

    Args:
        cfg: shares.
        action: actions of the policy, (num_worlds, action_dim).
        rng: random number generator of the exploration.

    Returns:
        Actions, (num_worlds, action_dim); all random in the first ``explorer_share``
        of the worlds.
    """
    count, action_dim = action.shape
    coin = torch.rand(count, 1, generator=rng, device=rng.device)
    coin[: round(cfg.explorer_share * count)] = -1.0
    random = random_action(cfg, count, action_dim, rng)
    return torch.where(coin < cfg.random_share, random, action)

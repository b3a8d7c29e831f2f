"""TD3: a deterministic policy, delayed actor updates, optional target smoothing.

Source: Fujimoto, van Hoof, Meger (2018), "Addressing function approximation error
in actor-critic methods", algorithm 1. With one critic and no smoothing it is the
DDPG of Andrychowicz et al. (2017), appendix A.
"""

import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic, Metrics
from puckrl.agents.distributions import TanhNormal
from puckrl.agents.losses import td_target
from puckrl.agents.settings import Td3Cfg
from puckrl.core.types import Batch, Obs


class Td3(ActorCritic):
    """TD3; see ``ActorCritic`` for the arguments."""

    cfg: Td3Cfg

    def make_distribution(self) -> TanhNormal:
        """Return tanh with the exploration noise of the settings."""
        return TanhNormal(self.cfg.explore.sigma)

    def target(self, batch: Batch, noise: Tensor) -> Tensor:
        """Return r + γ min_i Q'_i(s', clip(π'(s') + ε))."""
        clip = self.cfg.target_noise_clip
        smoothing = (self.cfg.target_noise * noise).clamp(-clip, clip)
        obs = self.routing.actor.encode_target(batch.next_obs)
        action = torch.tanh(self.actor(self.actor_target, obs))
        action = (action + smoothing).clamp(-1.0, 1.0)
        obs = self.routing.critic.encode_target(batch.next_obs)
        next_q = self.critic(self.critic_target, obs, action)
        discount = self.cfg.gamma * (1.0 - batch.terminated)
        return td_target(batch.reward, discount, next_q, self.bounds)

    def actor_loss(
        self, parameters: Tensor, obs: Obs, noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """Return -mean Q(s, π(s)) + λ mean π(s)²."""
        action = torch.tanh(self.actor(parameters, obs))
        q = self.critic(self.critic.vector, obs, action).mean(dim=0)
        effort = action.square().mean()
        return -q.mean() + self.cfg.action_l2 * effort, {"train/action_effort": effort}

"""SAC: maximum-entropy actor-critic with a squashed Gaussian policy.

Source: Haarnoja et al. (2018), "Soft actor-critic algorithms and applications"
(arXiv 1812.05905), sections 4 and 5.
"""

import math

import torch
from torch import Tensor
from torch.func import grad

from puckrl.agents.actor_critic import ActorCritic, Metrics
from puckrl.agents.adam import Adam
from puckrl.agents.distributions import (
    Distribution,
    SquashedNormal,
    squashed_gaussian,
)
from puckrl.agents.losses import td_target
from puckrl.agents.settings import SacSettings
from puckrl.core.sections import under
from puckrl.core.types import Batch, Obs, Spaces


class Sac(ActorCritic):
    """SAC with a fixed or tuned temperature; see ``ActorCritic`` for the arguments."""

    cfg: SacSettings

    def __init__(
        self,
        cfg: SacSettings,
        spaces: Spaces,
        reward_bounds: tuple[float, float] | None,
        seed: int,
        device: torch.device,
    ) -> None:
        super().__init__(cfg, spaces, reward_bounds, seed, device)
        # log α is tuned, so that α stays positive
        self.log_alpha = torch.full((1,), math.log(cfg.alpha), device=device)
        self.alpha_adam = Adam(self.log_alpha, cfg.alpha_lr if cfg.tune_alpha else 0.0)
        entropy = cfg.target_entropy
        self.target_entropy = -float(spaces.action_dim) if entropy is None else entropy

    def make_distribution(self) -> Distribution:
        """Return a squashed Gaussian."""
        return SquashedNormal()

    def target(self, batch: Batch, noise: Tensor) -> Tensor:
        """Return r + γ (min_i Q'_i(s', a') - α log π(a'|s')), a' ~ π."""
        outputs = self._next_outputs(batch.next_obs)
        action, log_prob = squashed_gaussian(outputs, noise)
        obs = self.routing.critic.encode_target(batch.next_obs)
        next_q = self.critic(self.critic_target, obs, action)
        soft_q = next_q - self.log_alpha.exp() * log_prob
        discount = self.cfg.gamma * (1.0 - batch.terminated)
        return td_target(batch.reward, discount, soft_q, self.bounds)

    def _next_outputs(self, obs: Obs) -> Tensor:
        """Return the outputs of the policy that the critics evaluate, (B, 2 A)."""
        return self.actor(self.actor.vector, self.routing.actor.encode(obs))

    def actor_loss(
        self, parameters: Tensor, obs: Obs, noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """Return ``policy_loss`` of the actor."""
        return self.policy_loss(self.actor(parameters, obs), obs, noise)

    def policy_loss(
        self, outputs: Tensor, obs: Obs, noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """Return mean α log π(a|s) - min_i Q_i(s, a) + λ mean a² of a policy's outputs."""
        action, log_prob = squashed_gaussian(outputs, noise)
        q = self.critic(self.critic.vector, obs, action).amin(dim=0)
        effort = action.square().mean()
        loss = (
            self.log_alpha.exp() * log_prob - q
        ).mean() + self.cfg.action_l2 * effort
        return loss, {"train/entropy": -log_prob.mean(), "train/action_effort": effort}

    def _update_actor(self, obs: Obs, noise: Tensor) -> Metrics:
        metrics = self._improve_actor(obs, noise)
        return metrics | self._tune(metrics["train/entropy"])

    def _tune(self, entropy: Tensor) -> Metrics:
        """Update the temperature if it is tuned; return it."""
        surplus = entropy - self.target_entropy

        def loss(log_alpha: Tensor) -> Tensor:
            return (log_alpha * surplus).sum()

        self.alpha_adam.step(self.log_alpha, grad(loss)(self.log_alpha))
        return {"train/alpha": self.log_alpha.exp()[0]}

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of ``ActorCritic``, the temperature and its optimizer."""
        adam = under("alpha_adam", self.alpha_adam.state())
        return {**super().tensors(), "log_alpha": self.log_alpha, **adam}

"""SAC: a squashed Gaussian policy that is paid for its entropy.

Source: Haarnoja et al. (2018), "Soft actor-critic algorithms and applications"
(arXiv 1812.05905), sections 4 and 5.
"""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor
from torch.func import grad
from torch.nn import functional as F

from puckrl.agents.actor_critic import ActorCritic, Metrics
from puckrl.agents.adam import Adam
from puckrl.agents.losses import td_target
from puckrl.agents.settings import AgentCfg
from puckrl.core.settings import POSITIVE, Bounds
from puckrl.core.types import Batch, Obs, Spaces

_LOG_STD_MIN, _LOG_STD_MAX = -5.0, 2.0


@dataclass(frozen=True)
class SacSettings(AgentCfg):
    """Settings of SAC's losses, with or without a distilled policy."""

    alpha: Annotated[float, POSITIVE] = 0.02
    """Entropy temperature; its initial value if it is tuned."""
    tune_alpha: bool = False
    """Tune the temperature towards the target entropy."""
    alpha_lr: Annotated[float, POSITIVE] = 3e-4
    """Learning rate of the temperature (Adam)."""
    target_entropy: Annotated[float | None, Bounds(-1e6, 1e6, "a number")] = None
    """Entropy that tuning aims at; None: minus the number of action components."""


@dataclass(frozen=True)
class SacCfg(SacSettings):
    """Settings of SAC."""

    kind: ClassVar[Literal["sac"]] = "sac"


def squashed_gaussian(outputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """An action a = tanh(μ + σ ε) and its log density.

    log π(a) = Σ_j log N(u_j; μ_j, σ_j) - log(1 - tanh(u_j)²), the last term as
    2 (log 2 - u - softplus(-2u)), which does not underflow.

    Args:
        outputs: means and log deviations, (B, 2 A).
        noise: standard normal ε, (B, A).

    Returns:
        Actions (B, A) and log densities (B,).
    """
    mean, log_std = outputs.chunk(2, dim=-1)
    log_std = log_std.clamp(_LOG_STD_MIN, _LOG_STD_MAX)
    raw = mean + log_std.exp() * noise
    gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
    squash = 2.0 * (math.log(2.0) - raw - F.softplus(-2.0 * raw))
    return torch.tanh(raw), (gaussian - squash).sum(dim=-1)


class Sac(ActorCritic):
    """Soft actor-critic with fixed or tuned temperature."""

    outputs_per_action = 2
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
        # log α, not α, is tuned: it cannot turn negative
        self.log_alpha = torch.full((1,), math.log(cfg.alpha), device=device)
        self.alpha_adam = Adam(self.log_alpha, cfg.alpha_lr if cfg.tune_alpha else 0.0)
        wanted = cfg.target_entropy
        self.target_entropy = -float(spaces.action_dim) if wanted is None else wanted

    def deterministic_action(self, parameters: Tensor, obs: Obs) -> Tensor:
        """Tanh of the mean."""
        return torch.tanh(self.actor(parameters, obs).chunk(2, dim=-1)[0])

    def noisy_action(self, obs: Obs, noise: Tensor) -> Tensor:
        """A sample of the policy."""
        return squashed_gaussian(self.actor.module(obs), noise)[0]

    def target(self, batch: Batch, noise: Tensor) -> Tensor:
        """R + γ (min_i Q'_i(s', a') - α log π(a'|s')), a' from the online policy."""
        outputs = self._next_outputs(batch.next_obs)
        action, log_prob = squashed_gaussian(outputs, noise)
        obs = self.critic_pixels.see(self.critic_pixels.target, batch.next_obs)
        next_q = self.critic(self.critic_target, obs, action)
        soft_q = next_q - self.log_alpha.exp() * log_prob
        discount = self.cfg.gamma * (1.0 - batch.terminated)
        return td_target(batch.reward, discount, soft_q, self.bounds)

    def _next_outputs(self, obs: Obs) -> Tensor:
        """What the policy that the critics judge says of next observations, (B, 2 A)."""
        return self.actor(self.actor.vector, self.eyes.see(self.eyes.vector, obs))

    def actor_loss(
        self, parameters: Tensor, obs: Obs, noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """See ``policy_loss``."""
        return self.policy_loss(self.actor(parameters, obs), obs, noise)

    def policy_loss(
        self, outputs: Tensor, obs: Obs, noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """Mean α log π(a|s) - min_i Q_i(s, a) + λ mean a², of a policy's outputs."""
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
        """Move the temperature, if it is tuned."""
        surplus = entropy - self.target_entropy

        def loss(log_alpha: Tensor) -> Tensor:
            return (log_alpha * surplus).sum()

        self.alpha_adam.step(self.log_alpha, grad(loss)(self.log_alpha))
        return {"train/alpha": self.log_alpha.exp()[0]}

    def tensors(self) -> dict[str, Tensor]:
        """Adds the temperature and its optimizer."""
        adam = {f"alpha_adam.{k}": v for k, v in self.alpha_adam.state().items()}
        return {**super().tensors(), "log_alpha": self.log_alpha, **adam}

"""Plain TD3 and SAC, with torch networks, autograd and torch.optim.

They start as copies of an agent of ours and take the same batches and noise; after
any number of rounds both must hold the same weights.
"""

import copy

import torch
from torch import Tensor, nn
from torch.distributions import (
    Independent,
    Normal,
    TanhTransform,
    TransformedDistribution,
)

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.sac import Sac
from puckrl.agents.td3 import Td3
from puckrl.core.types import Batch, Obs
from puckrl.nets.actors import Actor
from puckrl.nets.critics import Critic
from tests.oracles import PlainMLP


def policy(outputs: Tensor) -> TransformedDistribution:
    """Return the squashed Gaussian of torch.distributions."""
    mean, log_std = outputs.chunk(2, dim=-1)
    normal = Normal(mean, log_std.clamp(-5.0, 2.0).exp())
    return TransformedDistribution(Independent(normal, 1), [TanhTransform()])


class Plain:
    """The common part: two networks, their targets, two optimizers, the round."""

    def __init__(self, agent: ActorCritic) -> None:
        actor, critic = agent.actor.module, agent.critic.module
        assert isinstance(actor, Actor)
        assert isinstance(critic, Critic)
        self.cfg, self.bounds = agent.cfg, agent.bounds
        self.see_actor, self.see_critic = actor.features, critic.features
        self.actor, self.critic = PlainMLP(actor.mlp), PlainMLP(critic.mlp)
        self.actor_target = copy.deepcopy(self.actor)
        self.critic_target = copy.deepcopy(self.critic)
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), self.cfg.actor_lr)
        self.critic_adam = torch.optim.Adam(
            self.critic.parameters(), self.cfg.critic_lr
        )

    def act(self, actor: PlainMLP, obs: Obs) -> Tensor:
        return actor(self.see_actor(obs))[0]

    def q(self, critic: PlainMLP, obs: Obs, action: Tensor) -> Tensor:
        return critic(torch.cat([self.see_critic(obs), action], dim=1))[..., 0]

    def round(self, batch: Batch, noise: Tensor) -> None:
        for part, eps in zip(self.parts(batch), self.split(noise[0]), strict=True):
            self.critic_step(part, eps)
        self.actor_step(self.parts(batch)[-1].obs, self.split(noise[1])[-1])
        self.polyak(self.actor, self.actor_target)
        self.polyak(self.critic, self.critic_target)

    def split(self, x: Tensor) -> list[Tensor]:
        return list(x.split(self.cfg.batch_size))

    def parts(self, batch: Batch) -> list[Batch]:
        parts: list[Batch] = []
        for i in range(self.cfg.actor_delay):
            parts.append(
                Batch(
                    {k: self.split(v)[i] for k, v in batch.obs.items()},
                    self.split(batch.action)[i],
                    self.split(batch.reward)[i],
                    {k: self.split(v)[i] for k, v in batch.next_obs.items()},
                    self.split(batch.terminated)[i],
                )
            )
        return parts

    def critic_step(self, batch: Batch, noise: Tensor) -> None:
        with torch.no_grad():
            y = batch.reward + self.cfg.gamma * (1 - batch.terminated) * self.value(
                batch.next_obs, noise
            )
            if self.bounds is not None:
                y = y.clip(*self.bounds)
        q = self.q(self.critic, batch.obs, batch.action)
        loss = torch.stack([nn.functional.mse_loss(member, y) for member in q]).sum()
        self.critic_adam.zero_grad()
        loss.backward()
        self.critic_adam.step()

    def actor_step(self, obs: Obs, noise: Tensor) -> None:
        self.actor_adam.zero_grad()
        self.actor_loss(obs, noise).backward()
        if self.cfg.max_grad_norm > 0:
            nn.utils.clip_grad_norm_(self.actor.parameters(), self.cfg.max_grad_norm)
        self.actor_adam.step()

    def polyak(self, online: PlainMLP, target: PlainMLP) -> None:
        tau = self.cfg.tau
        for p, q in zip(target.parameters(), online.parameters(), strict=True):
            p.data = (1 - tau) * p.data + tau * q.data

    def value(self, obs: Obs, noise: Tensor) -> Tensor:
        raise NotImplementedError

    def actor_loss(self, obs: Obs, noise: Tensor) -> Tensor:
        raise NotImplementedError


class PlainTd3(Plain):
    def __init__(self, agent: Td3) -> None:
        super().__init__(agent)
        self.td3 = agent.cfg

    def value(self, obs: Obs, noise: Tensor) -> Tensor:
        limit = self.td3.target_noise_clip
        smoothing = (self.td3.target_noise * noise).clip(-limit, limit)
        action = self.act(self.actor_target, obs).tanh() + smoothing
        return self.q(self.critic_target, obs, action.clip(-1, 1)).min(dim=0).values

    def actor_loss(self, obs: Obs, noise: Tensor) -> Tensor:
        action = self.act(self.actor, obs).tanh()
        q = self.q(self.critic, obs, action)
        return -q.mean() + self.cfg.action_l2 * (action**2).mean()


class PlainSac(Plain):
    def __init__(self, agent: Sac) -> None:
        super().__init__(agent)
        self.tuned, self.wanted = agent.cfg.tune_alpha, agent.target_entropy
        self.log_alpha = agent.log_alpha.clone().requires_grad_()
        self.alpha_adam = torch.optim.Adam([self.log_alpha], agent.cfg.alpha_lr)

    def sample(self, obs: Obs, noise: Tensor) -> tuple[Tensor, Tensor]:
        outputs = self.act(self.actor, obs)
        mean, log_std = outputs.chunk(2, dim=-1)
        action = (mean + log_std.clamp(-5.0, 2.0).exp() * noise).tanh()
        return action, policy(outputs).log_prob(action)

    def value(self, obs: Obs, noise: Tensor) -> Tensor:
        action, log_prob = self.sample(obs, noise)
        q = self.q(self.critic_target, obs, action).min(dim=0).values
        return q - self.log_alpha.exp() * log_prob

    def actor_loss(self, obs: Obs, noise: Tensor) -> Tensor:
        action, log_prob = self.sample(obs, noise)
        q = self.q(self.critic, obs, action).min(dim=0).values
        loss = (self.log_alpha.exp().detach() * log_prob - q).mean()
        return loss + self.cfg.action_l2 * (action**2).mean()

    def actor_step(self, obs: Obs, noise: Tensor) -> None:
        with torch.no_grad():
            entropy = -self.sample(obs, noise)[1].mean()
        super().actor_step(obs, noise)
        if self.tuned:
            self.alpha_adam.zero_grad()
            (self.log_alpha * (entropy - self.wanted)).sum().backward()
            self.alpha_adam.step()

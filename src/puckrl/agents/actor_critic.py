"""What TD3 and SAC share: networks, targets, optimisers, one compiled round.

A *round* is ``actor_delay`` critic updates followed by one actor update and one
Polyak step. It is a pure function of tensors that are changed in place, so
torch.compile (CPU) or a CUDA graph can wrap it from outside; the losses do not know.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.func import grad_and_value

from puckrl.agents.adam import Adam
from puckrl.agents.explore import ExploreCfg, mix_in_random, random_action
from puckrl.core.rng import generator
from puckrl.core.types import Batch, Obs, Spaces
from puckrl.nets.actors import Actor
from puckrl.nets.critics import Critic
from puckrl.nets.flat import Flat
from puckrl.nets.inputs import VectorInput

Precision = Literal["fp32", "bf16"]
Metrics = dict[str, Tensor]


@dataclass(frozen=True)
class AgentCfg:
    """Settings that every learning rule has."""

    gamma: float = 0.95
    """Discount per control step."""
    tau: float = 0.05
    """Share of the online networks that each round moves into the targets."""
    batch_size: int = 512
    """Transitions per critic update."""
    hidden: tuple[int, ...] = (256, 256, 256)
    """Widths of the hidden layers of actor and critics."""
    critics: int = 1
    """Number of critics; targets take the least of them."""
    critic_lr: float = 1e-3
    """Adam's step size for the critics."""
    actor_lr: float = 1e-3
    """Adam's step size for the actor."""
    max_grad_norm: float = 0.0
    """Gradients of the actor are clipped to this norm; 0: never."""
    actor_delay: int = 2
    """Critic updates per actor update."""
    action_l2: float = 0.03
    """Weight of the mean squared action in the actor's loss."""
    explore: ExploreCfg = field(default_factory=ExploreCfg)
    """Randomness while collecting."""
    actor_sensors: tuple[str, ...] = ("state",)
    """What the actor sees besides goals: "state" or names of the task's sensors."""
    critic_sensors: tuple[str, ...] = ("state",)
    """What the critics see besides goals."""
    precision: Precision = "bf16"
    """Of the hidden layers' products; parameters, sums and losses are float32."""


def td_target(
    reward: Tensor, discount: Tensor, next_q: Tensor, bounds: tuple[float, float] | None
) -> Tensor:
    """Y = clip(r + γ' min_i Q_i(s', a')), with γ' = γ (1 - terminated).

    Args:
        reward: (B,).
        discount: γ', (B,).
        next_q: target values of every critic, (E, B).
        bounds: least and greatest return that rewards allow; None: no clipping.
            Source: Andrychowicz et al. (2017), appendix A.

    Returns:
        Targets, (B,).
    """
    target = reward + discount * next_q.amin(dim=0)
    return target if bounds is None else target.clamp(*bounds)


def critic_loss(q: Tensor, target: Tensor) -> Tensor:
    """Σ_i mean_B (Q_i - y)²;  q (E, B), target (B,)."""
    return (q - target).square().mean(dim=1).sum()


class ActorCritic(ABC):
    """Off-policy actor-critic on flat parameter vectors.

    Args:
        cfg: settings.
        spaces: what the task emits and takes.
        reward_bounds: least and greatest reward of a step, None: unbounded.
        seed: seeds weights and exploration.
        device: where everything lives.
    """

    outputs_per_action: int = 1

    def __init__(
        self,
        cfg: AgentCfg,
        spaces: Spaces,
        reward_bounds: tuple[float, float] | None,
        seed: int,
        device: torch.device,
    ) -> None:
        self.cfg, self.spaces, self.device = cfg, spaces, device
        self.bounds = None
        if reward_bounds is not None:
            least, greatest = (r / (1 - cfg.gamma) for r in reward_bounds)
            self.bounds = (least, greatest)
        self._explore_rng = generator(seed, "explore", device)
        self._learn_rng = generator(seed, "learn", device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            actor, critic = self._networks()
        self.actor, self.critic = Flat(actor.to(device)), Flat(critic.to(device))
        self.actor_target = self.actor.vector.clone()
        self.critic_target = self.critic.vector.clone()
        self.actor_adam = Adam(self.actor.vector, cfg.actor_lr, cfg.max_grad_norm)
        self.critic_adam = Adam(self.critic.vector, cfg.critic_lr)
        self.round: Callable[[Batch, Tensor], Metrics] = self._round
        """One round; whoever builds the agent may replace it by a compiled one."""

    def _networks(self) -> tuple[Actor, Critic]:
        """Fresh modules on the CPU."""
        cfg, spaces = self.cfg, self.spaces
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[cfg.precision]
        actor = Actor(
            VectorInput(sensor_columns(cfg.actor_sensors, spaces), spaces.goal_dim),
            cfg.hidden,
            spaces.action_dim,
            outputs=self.outputs_per_action,
            compute_dtype=dtype,
        )
        critic = Critic(
            VectorInput(sensor_columns(cfg.critic_sensors, spaces), spaces.goal_dim),
            cfg.hidden,
            spaces.action_dim,
            ensemble=cfg.critics,
            compute_dtype=dtype,
        )
        return actor, critic

    # -- acting ---------------------------------------------------------------

    @abstractmethod
    def mean_action(self, obs: Obs) -> Tensor:
        """The deterministic action, (B, action_dim) in [-1, 1]."""

    @abstractmethod
    def noisy_action(self, obs: Obs, noise: Tensor) -> Tensor:
        """The action while collecting, before the uniform share, (B, action_dim)."""

    @torch.no_grad()
    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Actions for B worlds, (B, action_dim) float32.

        Args:
            obs: observations, (B, ...) each.
            explore: add noise and random actions.
        """
        if not explore:
            return self.mean_action(obs)
        count, dim = len(obs["desired_goal"]), self.spaces.action_dim
        noise = torch.randn(count, dim, generator=self._explore_rng, device=self.device)
        action = self.noisy_action(obs, noise).clamp(-1.0, 1.0)
        return mix_in_random(self.cfg.explore, action, self._explore_rng)

    def random_action(self, obs: Obs) -> Tensor:
        """Actions that ignore the policy, (B, action_dim) float32."""
        count, dim = len(obs["desired_goal"]), self.spaces.action_dim
        return random_action(self.cfg.explore, count, dim, self._explore_rng)

    def observe(self, obs: Obs) -> None:
        """Let the input normalisers see observations, (..., dim) each."""
        for flat in (self.actor, self.critic):
            features = flat.module.get_submodule("features")
            assert isinstance(features, VectorInput)
            features.observe(obs)

    # -- learning -------------------------------------------------------------

    @property
    def updates_per_round(self) -> int:
        """Critic updates in one round."""
        return self.cfg.actor_delay

    @property
    def transitions_per_round(self) -> int:
        """Transitions that one round consumes."""
        return self.cfg.actor_delay * self.cfg.batch_size

    def update(self, batch: Batch) -> Metrics:
        """One round on ``transitions_per_round`` transitions; metrics are () tensors."""
        dim, count = self.spaces.action_dim, self.transitions_per_round
        noise = torch.randn(
            2, count, dim, generator=self._learn_rng, device=self.device
        )
        with torch.no_grad():
            return self.round(batch, noise)

    def _round(self, batch: Batch, noise: Tensor) -> Metrics:
        """``actor_delay`` critic updates, one actor update, one Polyak step."""
        size = self.cfg.batch_size
        # Actor and target networks stand still until the end of the round.
        targets = self.target(batch, noise[0])
        metrics: Metrics = {}
        for first in range(0, len(targets), size):
            part = slice(first, first + size)
            metrics = self._update_critic(batch.rows(part), targets[part])
        last = batch.rows(slice(-size, None))
        metrics |= self._update_actor(last.obs, noise[1, -size:])
        self.actor_target.lerp_(self.actor.vector, self.cfg.tau)
        self.critic_target.lerp_(self.critic.vector, self.cfg.tau)
        return metrics

    def _update_critic(self, batch: Batch, target: Tensor) -> Metrics:
        def loss(parameters: Tensor) -> tuple[Tensor, Tensor]:
            q = self.critic(parameters, batch.obs, batch.action)
            return critic_loss(q, target), q

        grad, (value, q) = grad_and_value(loss, has_aux=True)(self.critic.vector)
        norm = self.critic_adam.step(self.critic.vector, grad)
        return {
            "train/critic_loss": value,
            "train/q_mean": q.mean(),
            "train/target_std": target.std(),
            "train/reward_mean": batch.reward.mean(),
            "train/critic_grad_norm": norm,
        }

    def _update_actor(self, obs: Obs, noise: Tensor) -> Metrics:
        grad, (value, extra) = grad_and_value(self.actor_loss, has_aux=True)(
            self.actor.vector, obs, noise
        )
        norm = self.actor_adam.step(self.actor.vector, grad)
        return {"train/actor_loss": value, "train/actor_grad_norm": norm, **extra}

    @abstractmethod
    def target(self, batch: Batch, noise: Tensor) -> Tensor:
        """Regression targets of the critics, (B,)."""

    @abstractmethod
    def actor_loss(
        self, parameters: Tensor, obs: Obs, noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """The actor's loss, (), and further metrics."""

    # -- checkpoint -----------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Every live tensor that decides the future, by name."""
        found = {
            "actor": self.actor.vector,
            "actor_target": self.actor_target,
            "critic": self.critic.vector,
            "critic_target": self.critic_target,
        }
        for name, adam in (
            ("actor_adam", self.actor_adam),
            ("critic_adam", self.critic_adam),
        ):
            found |= {f"{name}.{key}": value for key, value in adam.state().items()}
        for name, flat in (("actor", self.actor), ("critic", self.critic)):
            found |= {f"{name}.{key}": b for key, b in flat.module.named_buffers()}
        return found

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Copy what ``tensors`` once returned into the live tensors.

        Raises:
            KeyError: if one is missing.
        """
        for name, live in self.tensors().items():
            live.copy_(tensors[name])

    def generators(self) -> dict[str, torch.Generator]:
        """The random streams, by name."""
        return {"explore": self._explore_rng, "learn": self._learn_rng}


def sensor_columns(names: tuple[str, ...], spaces: Spaces) -> list[int]:
    """Columns of the state vector behind sensor names; "state" is all of them.

    Raises:
        KeyError: for a name that the task does not have.
    """
    known = {name: sensor.columns for name, sensor in spaces.sensors.items()}
    known["state"] = tuple(range(spaces.state_dim))
    return sorted({column for name in names for column in known[name]})

"""The common part of TD3 and SAC: networks, targets, optimizers, rounds of updates.

A *round* is ``actor_delay`` critic updates followed by one actor update and one
Polyak step. It only changes tensors in place, so torch.compile (CPU) or a CUDA graph
can wrap it from outside, without changes to the losses.
Its *branches* touch disjoint state: running them concurrently or in sequence gives the
same result.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from puckrl.agents.adam import Adam
from puckrl.agents.augment import augmentation
from puckrl.agents.descent import descend, norms_by_name
from puckrl.agents.distributions import Distribution
from puckrl.agents.explore import Explorer
from puckrl.agents.losses import critic_loss
from puckrl.agents.networks import make_networks
from puckrl.agents.policy import ActorPolicy, BehaviorPolicy, make_policy_memory
from puckrl.agents.scripted import Scripted
from puckrl.agents.settings import AgentCfg
from puckrl.agents.weight_average import WeightAverage
from puckrl.core.policy import Policy
from puckrl.core.rng import generator
from puckrl.core.sections import section, under
from puckrl.core.types import Batch, BatchSpec, Obs, Spaces
from puckrl.nets.critics import Critic
from puckrl.nets.flat import Flat
from puckrl.nets.inputs import MEMORY, inputs_of
from puckrl.representation.frames import LATER, NEXT
from puckrl.representation.self_supervised import with_frames

_MEMORY = "memory"  # section of a snapshot

Metrics = dict[str, Tensor]
Branch = Callable[[Batch, Tensor, Tensor], Metrics]
"""A function of a batch, noise (2, B, action_dim), and the augmentation's draws."""
# A loss and further results; named, since torch.compile cannot subscript types
CriticLoss = tuple[Tensor, tuple[Tensor, Metrics]]
ActorLoss = tuple[Tensor, Metrics]


class ActorCritic(ABC):
    """Off-policy actor-critic on flat parameter vectors.

    Args:
        cfg: settings.
        spaces: sizes of observations and actions.
        reward_bounds: minimum and maximum reward of a step; None: unbounded.
        seed: seeds weights and exploration.
        device: device of all tensors.
    """

    next_pixels: bool = True
    """Whether updates read the pixels of next observations."""
    critics_remember: bool = True
    """Whether critics may have a memory; not where they judge a policy without one."""

    def __init__(
        self,
        cfg: AgentCfg,
        spaces: Spaces,
        reward_bounds: tuple[float, float] | None,
        seed: int,
        device: torch.device,
    ) -> None:
        self.cfg, self.spaces, self.device = cfg, spaces, device
        self._distribution = self.make_distribution()
        self.bounds = None
        """Minimum and maximum return that the rewards allow."""
        if reward_bounds is not None:
            low, high = (reward / (1 - cfg.gamma) for reward in reward_bounds)
            self.bounds = (low, high)
        self._learn_rng = generator(seed, "learn", device)
        explore_rng = generator(seed, "explore", device)
        self.explorer = Explorer(cfg.explore, spaces.action_dim, explore_rng)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            actor, critic, self.routing = make_networks(
                cfg,
                spaces,
                self._distribution.outputs_per_action,
                device,
                critics_remember=self.critics_remember,
            )
        has_pixels = bool(self.routing.trainers)
        self.augment = augmentation(cfg.vision.augment if has_pixels else "none")
        self.actor, self.critic = Flat(actor), Flat(critic)
        self.actor_tau = cfg.tau
        """Polyak factor of the actor's and the encoders' target networks."""
        self.actor_target = self.actor.vector.clone()
        self.critic_target = self.critic.vector.clone()
        self.actor_adam = self._adam(self.actor, cfg.actor_lr, cfg.max_grad_norm)
        self.critic_adam = self._adam(self.critic, cfg.critic_lr)
        self.networks = {
            "actor": (self.actor, self.actor_adam),
            "critic": (self.critic, self.critic_adam),
        }
        """Every trained network that reads vectors, by name."""
        pixels = self.routing.actor.features
        averaged = {"actor": self.actor.vector}
        if pixels.sizes:
            averaged["pixels"] = pixels.vector
        self.average = WeightAverage(cfg.average_share, averaged)
        """The parameters that are evaluated and saved."""
        self.policy = self._policy(self.actor.vector, pixels.vector)
        """The policy that is trained."""
        self.averaged = self._policy(
            self.average.vectors["actor"],
            self.average.vectors.get("pixels", pixels.vector),
        ).in_float32()
        """The policy that is evaluated, saved and exported; it acts in float32."""
        self.behavior: BehaviorPolicy = self.policy
        """The policy that collects."""
        self.random: Policy = Scripted(self._random_action, device)
        """The random policy that collects during the warm-up."""

    def _adam(self, flat: Flat, lr: float, max_grad_norm: float = 0.0) -> Adam:
        """Return the optimizer of a network, whose memory may have another step size."""
        span, of_memory = flat.span(MEMORY), self.cfg.memory.lr
        if not span.stop or not of_memory:
            return Adam(flat.vector, lr, max_grad_norm)
        factors = torch.ones_like(flat.vector)
        factors[span] = of_memory / lr
        return Adam(flat.vector, lr, max_grad_norm, factors)

    @abstractmethod
    def make_distribution(self) -> Distribution:
        """Return what turns the actor's outputs into actions."""

    def _policy(self, actor: Tensor, vision: Tensor) -> ActorPolicy:
        """Return a policy with these actor and encoder parameters."""
        return ActorPolicy(
            self.actor,
            actor,
            self.routing.actor.features,
            vision,
            self._distribution,
            self.explorer,
            make_policy_memory(inputs_of(self.actor), self.device),
        )

    def _random_action(self, obs: Obs) -> Tensor:
        return self.explorer.random(len(obs["desired_goal"]))

    def update_normalizers(self, obs: Obs) -> None:
        """Add observations, (..., dim) each, to the statistics of the input normalizers."""
        for flat, _ in self.networks.values():
            inputs_of(flat).update_from(obs)
        for trainer in self.routing.trainers.values():
            trainer.vision.objective.update_normalizer(obs)

    # -- learning -------------------------------------------------------------

    @property
    def updates_per_round(self) -> int:
        """Critic updates in one round."""
        return self.cfg.actor_delay

    @property
    def batch_spec(self) -> BatchSpec:
        """Size and contents of the batch of one round."""
        objectives = self.routing.self_supervised
        needs = objectives.needs if objectives else frozenset[str]()
        return BatchSpec(
            self.cfg.actor_delay * self.cfg.batch_size,
            next_pixels=self.next_pixels or NEXT in needs,
            later_pixels=LATER in needs,
            history=self.cfg.memory.history,
        )

    def update(self, batch: Batch, run: Branch | None = None) -> Metrics:
        """Make one round of updates.

        Args:
            batch: a batch of ``batch_spec``.
            run: the compiled ``round``; None: the uncompiled one.

        Returns:
            Metrics, () tensors.
        """
        spec = self.batch_spec
        noise = torch.randn(
            2,
            spec.transitions,
            self.spaces.action_dim,
            generator=self._learn_rng,
            device=self.device,
        )
        changes = self.augment.draw(spec.num_pixels, self._learn_rng)
        if (objectives := self.routing.self_supervised) is not None:
            batch = with_frames(batch, objectives, self._learn_rng)
        with torch.no_grad():
            return (run or self.round)(batch, noise, changes)

    def round(self, batch: Batch, noise: Tensor, changes: Tensor) -> Metrics:
        """Run every branch, then update the target networks."""
        metrics: Metrics = {}
        for branch in self.branches():
            metrics |= branch(batch, noise, changes)
        self.update_targets()
        return metrics

    def branches(self) -> tuple[Branch, ...]:
        """Return the branches of a round; none changes state that another one uses."""
        return (self._learn,)

    def update_targets(self) -> None:
        """Update the target networks and the weight average at the end of a round."""
        self.actor_target.lerp_(self.actor.vector, self.actor_tau)
        self.critic_target.lerp_(self.critic.vector, self.cfg.tau)
        for trainer in self.routing.trainers.values():
            trainer.target.lerp_(trainer.vector, self.actor_tau)
        self.average.update()

    def _augmented(self, batch: Batch, changes: Tensor) -> Batch:
        """Return the batch with augmented pixels."""
        return batch._replace(
            obs=self.augment(batch.obs, changes[0]),
            next_obs=self.augment(batch.next_obs, changes[1]),
        )

    def _learn(self, batch: Batch, noise: Tensor, changes: Tensor) -> Metrics:
        """Make ``actor_delay`` critic updates and one actor update."""
        size = self.cfg.batch_size
        batch = self._augmented(batch, changes)
        # Actor and target networks do not change until the end of the round.
        targets = self.target(batch, noise[0])
        metrics: Metrics = {}
        for first in range(0, len(targets), size):
            part = slice(first, first + size)
            metrics = self._update_critic(batch.rows(part), targets[part])
        last = batch.rows(slice(-size, None))
        return metrics | self._update_actor(last.obs, noise[1, -size:])

    def _update_critic(self, batch: Batch, target: Tensor) -> Metrics:
        route, critic = self.routing.critic, self.critic.module
        assert isinstance(critic, Critic)

        def loss(
            parameters: Tensor,
            vision: Tensor = route.features.vector,
            heads: Tensor = route.heads_vector,
        ) -> CriticLoss:
            obs = route.features.encode(vision, batch.obs)
            q = self.critic(parameters, obs, batch.action, raw=True)
            extra, metrics = route.auxiliary_loss(obs, vision, heads)
            value = critic_loss(q, target, critic.bins) + extra
            return value, (critic.values(q), metrics)

        (value, (q, extra)), norms = descend(
            loss,
            self.critic.vector,
            self.critic_adam,
            route.trains,
            self.critic.span(MEMORY),
        )
        return {
            "train/critic_loss": value,
            "train/q_mean": q.mean(),
            "train/target_std": target.std(),
            "train/reward_mean": batch.reward.mean(),
            **norms_by_name("critic", norms, route.trains),
            **extra,
        }

    def _update_actor(self, obs: Obs, noise: Tensor) -> Metrics:
        """Update the actor after the critic updates of a round."""
        return self._improve_actor(obs, noise)

    def _improve_actor(self, obs: Obs, noise: Tensor) -> Metrics:
        """Take one step down the actor's loss."""
        route = self.routing.actor
        obs = self.routing.critic.encode(obs)

        def loss(
            parameters: Tensor,
            vision: Tensor = route.features.vector,
            heads: Tensor = route.heads_vector,
        ) -> ActorLoss:
            encoded = route.features.encode(vision, obs)
            value, metrics = self.actor_loss(parameters, encoded, noise)
            extra, more = route.auxiliary_loss(encoded, vision, heads)
            return value + extra, {"train/actor_loss": value, **metrics, **more}

        (_, metrics), norms = descend(
            loss,
            self.actor.vector,
            self.actor_adam,
            route.trains,
            self.actor.span(MEMORY),
        )
        return {
            **norms_by_name("actor", norms, route.trains),
            **metrics,
        }

    @abstractmethod
    def target(self, batch: Batch, noise: Tensor) -> Tensor:
        """Return the critics' TD targets, (B,), of a batch that is not yet encoded."""

    @abstractmethod
    def actor_loss(
        self, parameters: Tensor, obs: Obs, noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """Return the actor's loss, (), and further metrics.

        Args:
            parameters: parameters of the actor, (n,).
            obs: observation encoded for actor and critics.
            noise: standard normal, (B, action_dim).
        """

    # -- checkpoint -----------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Return every live tensor of the training state, by name."""
        found = {
            "actor_target": self.actor_target,
            "critic_target": self.critic_target,
        }
        for name, (flat, adam) in self.networks.items():
            found[name] = flat.vector
            found |= under(f"{name}_adam", adam.state())
            found |= under(name, dict(flat.module.named_buffers()))
        for name, trainer in self.routing.trainers.items():
            found |= under(name, trainer.tensors())
        found |= under("average", self.average.tensors())
        return found | under(_MEMORY, self.behavior.memory.tensors())

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Copy saved ``tensors`` into the live ones.

        Raises:
            KeyError: if a tensor is missing.
        """
        self.behavior.memory.restore(section(_MEMORY, tensors))
        for name, live in self.tensors().items():
            if not name.startswith(f"{_MEMORY}."):
                live.copy_(tensors[name])

    def generators(self) -> dict[str, torch.Generator]:
        """Return the random number generators, by name."""
        return {"explore": self.explorer.rng, "learn": self._learn_rng}

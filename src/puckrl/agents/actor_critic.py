"""What TD3 and SAC share: networks, targets, optimizers, one compiled round.

A *round* is ``actor_delay`` critic updates followed by one actor update and one
Polyak step. It is a pure function of tensors that are changed in place, so
torch.compile (CPU) or a CUDA graph can wrap it from outside; the losses do not know.
Its *branches* share nothing that one of them changes, so a GPU may run them side by side.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value

from puckrl.agents.adam import Adam
from puckrl.agents.augment import augmentation
from puckrl.agents.explore import mix_in_random, random_action
from puckrl.agents.losses import critic_loss
from puckrl.agents.networks import make_networks
from puckrl.agents.settings import AgentCfg
from puckrl.agents.vision import Network, VisionTrainer
from puckrl.agents.weight_average import WeightAverage
from puckrl.core.rng import generator
from puckrl.core.types import Batch, Obs, Spaces
from puckrl.nets.flat import Flat
from puckrl.nets.inputs import VectorInput

Metrics = dict[str, Tensor]
Branch = Callable[[Batch, Tensor, Tensor], Metrics]
"""Of a batch, noise (2, B, action_dim), and the numbers of the augmentation."""
# Loss and what else it has found; by name, since torch.compile cannot subscript types
CriticLoss = tuple[Tensor, tuple[Tensor, Metrics]]
ActorLoss = tuple[Tensor, Metrics]


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
    needs_next_pixels: bool = True
    """Whether pictures of next observations are looked at."""

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
            actor, critic, self.looks = make_networks(
                cfg, spaces, self.outputs_per_action, device
            )
        self.eyes, self.critic_pixels = self.looks.actor, self.looks.critic
        self.augment = augmentation(cfg.vision.augment if self.looks.sights else "none")
        self.actor, self.critic = Flat(actor), Flat(critic)
        self.actor_tau = cfg.tau
        """Share of actor and encoders that each round moves into their targets."""
        self.actor_target = self.actor.vector.clone()
        self.critic_target = self.critic.vector.clone()
        self.actor_adam = Adam(self.actor.vector, cfg.actor_lr, cfg.max_grad_norm)
        self.critic_adam = Adam(self.critic.vector, cfg.critic_lr)
        self.networks = {
            "actor": (self.actor, self.actor_adam),
            "critic": (self.critic, self.critic_adam),
        }
        """Everything that sees vectors and learns, by name."""
        seeing = {"eyes": self.eyes.vector} if self.looks.actor.features else {}
        self.average = WeightAverage(
            cfg.average_share, {"actor": self.actor.vector, **seeing}
        )
        """The policy that is judged."""
        self.round: Branch = self._round
        """One round; whoever builds the agent may replace it by a compiled one."""

    # -- acting ---------------------------------------------------------------

    @abstractmethod
    def deterministic_action(self, parameters: Tensor, obs: Obs) -> Tensor:
        """The deterministic action of an actor's parameters, (B, action_dim) in [-1, 1]."""

    def mean_action(self, obs: Obs) -> Tensor:
        """The deterministic action of who plays, (B, action_dim); see ``see``."""
        return self.deterministic_action(self.actor.vector, obs)

    @abstractmethod
    def noisy_action(self, obs: Obs, noise: Tensor) -> Tensor:
        """The action while collecting, before the uniform share, (B, action_dim)."""

    @torch.no_grad()
    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Actions for B worlds, (B, action_dim) float32.

        Args:
            obs: observations, (B, ...) each.
            explore: as who plays, with noise and random actions; else as who is judged.
        """
        if not explore:
            return self.deterministic_action(
                self.average.means["actor"], self._kept_view(obs)
            )
        obs = self.see(obs)
        count, dim = len(obs["desired_goal"]), self.spaces.action_dim
        noise = torch.randn(count, dim, generator=self._explore_rng, device=self.device)
        action = self.noisy_action(obs, noise).clamp(-1.0, 1.0)
        return mix_in_random(self.cfg.explore, action, self._explore_rng)

    def see(self, obs: Obs) -> Obs:
        """What who plays sees: the observation with the features of pictures."""
        return self.eyes.see(self.eyes.vector, obs)

    def _kept_view(self, obs: Obs) -> Obs:
        """What who is judged sees."""
        return self.eyes.see(self.average.means.get("eyes", self.eyes.vector), obs)

    @torch.no_grad()
    def keypoints(self, obs: Obs) -> Tensor | None:
        """Where in its pictures each channel of who is judged looks, (B, channels, 2).

        None without pictures.
        """
        return self.eyes.keypoints(self._kept_view(obs))

    def random_action(self, obs: Obs) -> Tensor:
        """Actions that ignore the policy, (B, action_dim) float32."""
        count, dim = len(obs["desired_goal"]), self.spaces.action_dim
        return random_action(self.cfg.explore, count, dim, self._explore_rng)

    def observe(self, obs: Obs) -> None:
        """Let the input normalizers see observations, (..., dim) each."""
        for flat, _ in self.networks.values():
            features = flat.module.get_submodule("features")
            assert isinstance(features, VectorInput)
            features.observe(obs)
        for sight in self.looks.sights.values():
            sight.vision.goals.note(obs["achieved_goal"])

    # -- learning -------------------------------------------------------------

    @property
    def updates_per_round(self) -> int:
        """Critic updates in one round."""
        return self.cfg.actor_delay

    @property
    def transitions_per_round(self) -> int:
        """Transitions that one round consumes."""
        return self.cfg.actor_delay * self.cfg.batch_size

    @property
    def seen_per_round(self) -> int:
        """The last transitions of a round, whose pictures are looked at."""
        return self.transitions_per_round

    def update(self, batch: Batch) -> Metrics:
        """One round on ``transitions_per_round`` transitions; metrics are () tensors."""
        dim, count = self.spaces.action_dim, self.transitions_per_round
        noise = torch.randn(
            2, count, dim, generator=self._learn_rng, device=self.device
        )
        changes = self.augment.draw(self.seen_per_round, self._learn_rng)
        with torch.no_grad():
            return self.round(batch, noise, changes)

    def _round(self, batch: Batch, noise: Tensor, changes: Tensor) -> Metrics:
        """Every branch, then what follows."""
        metrics: Metrics = {}
        for branch in self.branches():
            metrics |= branch(batch, noise, changes)
        self.follow()
        return metrics

    def branches(self) -> tuple[Branch, ...]:
        """What a round consists of; none changes what another reads or changes."""
        return (self._learn,)

    def follow(self) -> None:
        """What ends a round: one Polyak step."""
        self.actor_target.lerp_(self.actor.vector, self.actor_tau)
        self.critic_target.lerp_(self.critic.vector, self.cfg.tau)
        for sight in self.looks.sights.values():
            sight.target.lerp_(sight.vector, self.actor_tau)
        self.average.note()

    def _changed(self, batch: Batch, changes: Tensor) -> Batch:
        """The batch with changed pictures."""
        return batch._replace(
            obs=self.augment(batch.obs, changes[0]),
            next_obs=self.augment(batch.next_obs, changes[1]),
        )

    def _learn(self, batch: Batch, noise: Tensor, changes: Tensor) -> Metrics:
        """``actor_delay`` critic updates and one actor update."""
        size = self.cfg.batch_size
        batch = self._changed(batch, changes)
        # Actor and target networks stand still until the end of the round.
        targets = self.target(batch, noise[0])
        metrics: Metrics = {}
        for first in range(0, len(targets), size):
            part = slice(first, first + size)
            metrics = self._update_critic(batch.rows(part), targets[part])
        last = batch.rows(slice(-size, None))
        return metrics | self._update_actor(last.obs, noise[1, -size:])

    def _update_critic(self, batch: Batch, target: Tensor) -> Metrics:
        eyes = self.critic_pixels

        def loss(parameters: Tensor, sight: Tensor = eyes.vector) -> CriticLoss:
            obs = eyes.see(sight, batch.obs)
            q = self.critic(parameters, obs, batch.action)
            extra, metrics = eyes.auxiliary_loss(obs)
            return critic_loss(q, target) + extra, (q, metrics)

        taught = self.looks.trained_by_critic
        (value, (q, extra)), norms = descend(
            loss, self.critic.vector, self.critic_adam, taught
        )
        return {
            "train/critic_loss": value,
            "train/q_mean": q.mean(),
            "train/target_std": target.std(),
            "train/reward_mean": batch.reward.mean(),
            "train/critic_grad_norm": norms[0],
            **_encoder_norm("critic", norms),
            **extra,
        }

    def _update_actor(self, obs: Obs, noise: Tensor) -> Metrics:
        """What a round does after its critic updates."""
        return self._improve_actor(obs, noise)

    def _improve_actor(self, obs: Obs, noise: Tensor) -> Metrics:
        """One step down the actor's loss."""
        eyes = self.eyes
        obs = self.critic_pixels.see(self.critic_pixels.vector, obs)

        def loss(parameters: Tensor, sight: Tensor = eyes.vector) -> ActorLoss:
            seen = eyes.see(sight, obs)
            value, metrics = self.actor_loss(parameters, seen, noise)
            extra, more = eyes.auxiliary_loss(seen)
            return value + extra, {"train/actor_loss": value, **metrics, **more}

        taught = self.looks.trained_by_actor
        (_, metrics), norms = descend(loss, self.actor.vector, self.actor_adam, taught)
        return {
            "train/actor_grad_norm": norms[0],
            **_encoder_norm("actor", norms),
            **metrics,
        }

    @abstractmethod
    def target(self, batch: Batch, noise: Tensor) -> Tensor:
        """Regression targets of the critics, (B,); no network has seen the pixels yet."""

    @abstractmethod
    def actor_loss(
        self, parameters: Tensor, obs: Obs, noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """The actor's loss, (), and further metrics; ``obs`` as both networks see it."""

    # -- checkpoint -----------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Every live tensor that decides the future, by name."""
        found = {
            "actor_target": self.actor_target,
            "critic_target": self.critic_target,
        }
        for name, (flat, adam) in self.networks.items():
            found[name] = flat.vector
            found |= {f"{name}_adam.{key}": x for key, x in adam.state().items()}
            found |= {f"{name}.{key}": b for key, b in flat.module.named_buffers()}
        for name, sight in self.looks.sights.items():
            found |= {f"{name}.{key}": x for key, x in sight.tensors().items()}
        found |= {f"kept.{key}": x for key, x in self.average.tensors().items()}
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

    def explore_like(self, other: "ActorCritic") -> None:
        """Draw exploration from the stream of another agent from now on."""
        self._explore_rng = other._explore_rng


def descend(
    loss: Callable[..., tuple[Tensor, Any]],
    parameters: Tensor,
    adam: Adam,
    taught: tuple[VisionTrainer, ...] = (),
) -> tuple[tuple[Tensor, Any], list[Tensor]]:
    """One step of a network and of the encoders that its loss teaches.

    Returns:
        The loss with what else it returned, and the norms of the gradients.
    """
    vectors = [parameters, *(sight.vector for sight in taught)]
    argnums = tuple(range(len(vectors)))
    grads, value = grad_and_value(loss, argnums, has_aux=True)(*vectors)
    optimizers = [adam, *(sight.adam for sight in taught)]
    steps = zip(optimizers, vectors, grads, strict=True)
    return value, [adam.step(vector, grad) for adam, vector, grad in steps]


def _encoder_norm(teacher: Network, norms: list[Tensor]) -> Metrics:
    """The norm of an encoder's gradient, if there is one behind the network's own."""
    return {f"train/{teacher}_encoder_grad_norm": norms[1]} if norms[1:] else {}

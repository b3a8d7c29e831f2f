"""Policies as values: parameters of an actor and its encoder, and how to act with them.

An agent has several: the trained policy, the averaged one that is evaluated and saved,
and the behavior policy. An overlapped schedule collects with a copy, while updates
change the original.
"""

from contextlib import nullcontext
from typing import Protocol

import torch
from torch import Tensor

from puckrl.agents.distributions import Distribution, SquashedNormal
from puckrl.agents.explore import Explorer
from puckrl.agents.memory import NoMemory, PolicyMemory, StateMemory
from puckrl.agents.pixel_features import NoPixelFeatures, PixelFeatures
from puckrl.core.policy import Policy
from puckrl.core.runtime import exact_float32
from puckrl.core.sections import under
from puckrl.core.types import Obs
from puckrl.nets.flat import Flat
from puckrl.nets.inputs import MEMORY, VectorInput, inputs_of


class BehaviorPolicy(Policy, Protocol):
    """A policy that collects, and that an overlapped schedule can copy."""

    memory: PolicyMemory
    """What it remembers of each world."""

    def copy(self) -> "BehaviorPolicy":
        """Return a copy of the parameters; the exploration noise and memory are shared."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return parameters and buffers, live, by name."""
        ...


class ActorPolicy:
    """Acts with an actor's parameters.

    Args:
        actor: the actor's structure and buffers.
        parameters: the actor's parameters, (n,), live.
        features: encodes pixels.
        vision: the encoder's parameters, (m,), live; (0,) without pixels.
        distribution: turns the actor's outputs into actions.
        explorer: draws exploration noise.
        memory: the policy's memory of each world; None: no memory.
        exact: whether a GPU computes its float32 products without TF32.
    """

    def __init__(
        self,
        actor: Flat,
        parameters: Tensor,
        features: PixelFeatures | NoPixelFeatures,
        vision: Tensor,
        distribution: Distribution,
        explorer: Explorer,
        memory: PolicyMemory | None = None,
        *,
        exact: bool = False,
    ) -> None:
        self._exact = exact
        self._precision = exact_float32 if exact else nullcontext
        self.actor, self.parameters = actor, parameters
        self.features, self.vision = features, vision
        self.distribution, self.explorer = distribution, explorer
        self.memory: PolicyMemory = memory or NoMemory()
        self.device = parameters.device

    def encode(self, obs: Obs) -> Obs:
        """Return the observation with the features of its pixels."""
        return self.features.encode(self.vision, obs)

    def remember(self, obs: Obs) -> Obs:
        """Update the memory of every world; return the observation with its features."""
        return self.memory.step(obs, self._remember)

    def _remember(self, obs: Obs, state: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step of the memory's network."""
        x = inputs_of(self.actor).vectors(obs["state"])
        return self.actor.call_part(MEMORY, self.parameters, x, state)

    def outputs(self, encoded: Obs) -> Tensor:
        """Return the actor's outputs, (B, outputs_per_action * action_dim)."""
        if self.parameters is self.actor.vector:  # avoids a functional call per step
            return self.actor.module(encoded)
        return self.actor(self.parameters, encoded)

    def mode(self, encoded: Obs) -> Tensor:
        """Return the deterministic action of an encoded observation, (B, action_dim)."""
        return self.distribution.mode(self.outputs(encoded))

    @torch.no_grad()
    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Return actions for B worlds, (B, action_dim) float32 in [-1, 1].

        Args:
            obs: observations, (B, ...) each.
            explore: whether to sample and mix in random actions; else deterministic.
        """
        with self._precision():
            encoded = self.remember(self.encode(obs))
            outputs = self.outputs(encoded)
        if not explore:
            return self.distribution.mode(outputs)
        noise = self.explorer.noise(len(outputs))
        return self.explorer.mix(self.distribution.sample(outputs, noise))

    def reset(self, done: Tensor) -> None:
        """Forget the worlds whose episode is over, (B,) bool."""
        self.memory.reset(done)

    def in_float32(self) -> "ActorPolicy":
        """Return the same policy acting in float32, on the same live tensors.

        A policy is judged, kept, filmed and exported in float32, so that it is one policy
        on every machine. Its memory is its own.
        """
        return ActorPolicy(
            self.actor.in_float32(),
            self.parameters,
            self.features.in_float32(),
            self.vision,
            self.distribution,
            self.explorer,
            self.memory.fresh(),
            exact=True,
        )

    @torch.no_grad()
    def keypoints(self, obs: Obs) -> Tensor | None:
        """Return the spatial-softmax keypoints, (B, channels, 2) in [0, 1].

        None without pixels.
        """
        return self.features.keypoints(self.encode(obs))

    def copy(self) -> "ActorPolicy":
        """Return a copy of the parameters; the exploration noise and memory are shared."""
        actor, features = self.actor.copy(), self.features.copy()
        made = ActorPolicy(
            actor,
            actor.vector,
            features,
            features.vector,
            self.distribution,
            self.explorer,
            self.memory,
            exact=self._exact,
        )
        copy_tensors(self, made)
        return made

    def tensors(self) -> dict[str, Tensor]:
        """Return parameters and buffers, live, by name."""
        return {
            "actor": self.parameters,
            "vision": self.vision,
            **under("actor", dict(self.actor.module.named_buffers())),
            **under("vision", self.features.buffers()),
        }


class TeacherMixture:
    """A behavior policy: a teacher acts in the last worlds, its student in the others.

    Both explore with the teacher's standard deviation. Source: Ross, Gordon, Bagnell
    (2011), section 3: the mixture of expert and policy that collects.

    Args:
        student: the student; without exploration it acts in all worlds.
        teacher: maps the state to means and log standard deviations.
        share: share of the worlds in which the teacher acts.
    """

    def __init__(self, student: ActorPolicy, teacher: Flat, share: float) -> None:
        self._student, self._teacher, self._share = student, teacher, share
        self._distribution = SquashedNormal()
        self.device, self.memory = student.device, student.memory

    @torch.no_grad()
    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Return actions for B worlds, (B, action_dim) float32 in [-1, 1]."""
        if not explore:
            return self._student.act(obs, explore=False)
        student, explorer = self._student, self._student.explorer
        encoded = student.remember(student.encode(obs))
        noise = explorer.noise(len(obs["desired_goal"]))
        mean, log_std = self._teacher.module(encoded).chunk(2, dim=-1)
        students = len(noise) - round(self._share * len(noise))
        mean = torch.cat([student.outputs(encoded)[:students], mean[students:]])
        outputs = torch.cat([mean, log_std], dim=-1)
        return explorer.mix(self._distribution.sample(outputs, noise))

    def reset(self, done: Tensor) -> None:
        """Forget the worlds whose episode is over, (B,) bool."""
        self._student.reset(done)

    def copy(self) -> "TeacherMixture":
        """Return a copy of the parameters; the exploration noise and memory are shared."""
        return TeacherMixture(self._student.copy(), self._teacher.copy(), self._share)

    def tensors(self) -> dict[str, Tensor]:
        """Return parameters and buffers of student and teacher, live, by name."""
        return {**self._student.tensors(), **under("teacher", self._teacher.tensors())}


def copy_tensors(source: BehaviorPolicy, target: BehaviorPolicy) -> None:
    """Copy parameters and buffers of ``source`` to ``target``, in place."""
    live = target.tensors()
    for name, tensor in source.tensors().items():
        live[name].copy_(tensor)


def make_policy_memory(inputs: VectorInput, device: torch.device) -> PolicyMemory:
    """Return the memory of a policy whose actor has these inputs."""
    if inputs.memory is None:
        return NoMemory()
    return StateMemory(inputs.remembered_as, inputs.memory.state_size, device)

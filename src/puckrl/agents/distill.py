"""SAC on the state, and a policy that is distilled from it while it learns.

Teacher and critics see the state and are thrown away after training. The policy sees
what a robot has, and imitates what the teacher would do at the states that both visit:
the teacher plays in a share of the worlds, the policy in the others. Updates of teacher
and critics look at no picture, which is what makes this fast: pictures are convolved
once a round, for the imitation, and on a GPU beside those updates.

Source: Ross, Gordon, Bagnell (2011), "A reduction of imitation learning and structured
prediction to no-regret online learning" (DAgger), section 3; Chen et al. (2019),
"Learning by cheating", section 3 (a teacher that knows the state).
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorLoss, Branch, Metrics, descend
from puckrl.agents.adam import Adam
from puckrl.agents.networks import make_actor
from puckrl.agents.sac import Sac, SacSettings, squashed_gaussian
from puckrl.agents.settings import FULL_STATE
from puckrl.agents.vision import NoPixelFeatures
from puckrl.core.settings import COUNT, FRACTION, PER_PROCESS, POSITIVE, SHARE
from puckrl.core.types import Batch, Obs, Spaces
from puckrl.nets.flat import Flat


@dataclass(frozen=True)
class DistillCfg(SacSettings):
    """Settings of SAC with a student that is distilled from its policy."""

    kind: ClassVar[Literal["distill"]] = "distill"
    average_share: Annotated[float, SHARE] = 0.02
    """Evaluate and save the student's mean weights over the last updates, this share of
    all so far; 0: the newest weights."""
    teacher_lr: Annotated[float, POSITIVE] = 1e-3
    """Learning rate of the teacher (Adam); --agent.actor-lr is the student's."""
    teacher_share: Annotated[float, SHARE] = 0.5
    """Share of worlds in which the teacher acts while collecting."""
    student_batch: Annotated[int, COUNT, PER_PROCESS] = 256
    """Transitions per round on which the student imitates the teacher."""
    student_tau: Annotated[float, FRACTION] = 0.005
    """Polyak averaging: share of the student's weights that a round moves into the
    average that acts."""


class Distill(Sac):
    """``actor`` is the policy that is kept; ``teacher`` is what the critics judge.

    What acts is a running mean of the policy: an imitation of a few pictures at a time
    is noisy, its mean is not.
    """

    outputs_per_action = 1
    needs_next_pixels = False  # the critics' targets need no picture

    def __init__(
        self,
        cfg: DistillCfg,
        spaces: Spaces,
        reward_bounds: tuple[float, float] | None,
        seed: int,
        device: torch.device,
    ) -> None:
        super().__init__(cfg, spaces, reward_bounds, seed, device)
        self.teacher_share, self.actor_tau = cfg.teacher_share, cfg.student_tau
        self._seen = min(cfg.student_batch, cfg.batch_size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            teacher = make_actor(cfg, FULL_STATE, spaces, 2, NoPixelFeatures(device))
        self.teacher = Flat(teacher.to(device))
        self.teacher_adam = Adam(self.teacher.vector, cfg.teacher_lr)
        self.example = self.teacher.vector.clone()
        """The teacher of the round before, whom the policy imitates."""
        self.networks["teacher"] = (self.teacher, self.teacher_adam)

    @property
    def seen_per_round(self) -> int:
        """The states at which the policy imitates."""
        return self._seen

    def branches(self) -> tuple[Branch, ...]:
        """Teacher and critics learn; the policy imitates."""
        return (self._imitate, self._learn)

    def follow(self) -> None:
        """Adds the teacher that the next round imitates."""
        super().follow()
        self.example.copy_(self.teacher.vector)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Between rounds teacher and example are the same."""
        super().load(tensors)
        self.example.copy_(self.teacher.vector)

    def see(self, obs: Obs) -> Obs:
        """Through the eyes of the running mean."""
        return self.eyes.see(self.eyes.target, obs)

    def deterministic_action(self, parameters: Tensor, obs: Obs) -> Tensor:
        """Tanh of the policy's output."""
        return torch.tanh(self.actor(parameters, obs))

    def mean_action(self, obs: Obs) -> Tensor:
        """Of the running mean."""
        return self.deterministic_action(self.actor_target, obs)

    def noisy_action(self, obs: Obs, noise: Tensor) -> Tensor:
        """Of teacher (the last worlds) and policy, both with the teacher's deviation."""
        mean, log_std = self.teacher.module(obs).chunk(2, dim=-1)
        students = len(noise) - round(self.teacher_share * len(noise))
        own = self.actor(self.actor_target, obs)
        mean = torch.cat([own[:students], mean[students:]])
        return squashed_gaussian(torch.cat([mean, log_std], dim=-1), noise)[0]

    def _next_outputs(self, obs: Obs) -> Tensor:
        return self.teacher(self.teacher.vector, obs)

    def actor_loss(
        self, parameters: Tensor, obs: Obs, noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """Mean (tanh π(o) - tanh μ(s))², μ the mean of the round before's teacher."""
        wanted = torch.tanh(self.teacher(self.example, obs).chunk(2, dim=-1)[0])
        action = torch.tanh(self.actor(parameters, obs))
        return (action - wanted).square().mean(), {}

    def _update_actor(self, obs: Obs, noise: Tensor) -> Metrics:
        def loss(parameters: Tensor) -> ActorLoss:
            return self.policy_loss(self.teacher(parameters, obs), obs, noise)

        (value, taught), _ = descend(loss, self.teacher.vector, self.teacher_adam)
        return {
            **taught,
            **self._tune(taught["train/entropy"]),
            "train/teacher_loss": value,
        }

    def _changed(self, batch: Batch, changes: Tensor) -> Batch:
        return batch  # who learns from it sees no pictures

    def _imitate(self, batch: Batch, noise: Tensor, changes: Tensor) -> Metrics:
        last = {name: x[-self._seen :] for name, x in batch.obs.items()}
        return self._improve_actor(self.augment(last, changes[0]), noise[1])

"""SAC with a privileged teacher, and a student that is distilled from it during training.

Teacher and critics get the full state and are discarded after training. The student gets
the sensors of a robot and imitates the teacher at states that both visit: the teacher
acts in a share of the worlds, the student in the others. Updates of teacher and critics
read no pixels, so they are fast: only the imitation encodes images, once per round, and
on a GPU concurrently with those updates.

Source: Ross, Gordon, Bagnell (2011), "A reduction of imitation learning and structured
prediction to no-regret online learning" (DAgger), section 3; Chen et al. (2019),
"Learning by cheating", section 3 (a teacher that knows the state).
"""

from dataclasses import replace

import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorLoss, Branch, Metrics
from puckrl.agents.adam import Adam
from puckrl.agents.descent import descend
from puckrl.agents.distributions import Distribution, TanhNormal
from puckrl.agents.networks import make_actor
from puckrl.agents.pixel_features import NoPixelFeatures
from puckrl.agents.policy import TeacherMixture
from puckrl.agents.sac import Sac
from puckrl.agents.settings import FULL_STATE, DistillCfg
from puckrl.core.types import Batch, BatchSpec, Obs, Spaces, rows_of
from puckrl.nets.flat import Flat


class Distill(Sac):
    """Trains ``teacher`` with SAC, and ``actor``, the student, to imitate it.

    The running mean of the student acts, because imitation on small batches of images is
    noisy. See ``ActorCritic`` for the arguments.
    """

    next_pixels = False  # the critics' targets need no pixels
    critics_remember = False  # they judge the teacher, which acts on the present state

    def __init__(
        self,
        cfg: DistillCfg,
        spaces: Spaces,
        reward_bounds: tuple[float, float] | None,
        seed: int,
        device: torch.device,
    ) -> None:
        super().__init__(cfg, spaces, reward_bounds, seed, device)
        self.actor_tau = cfg.student_tau
        self._pixels = min(cfg.student_batch, cfg.batch_size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            teacher = make_actor(cfg, FULL_STATE, spaces, 2, NoPixelFeatures(device))
        self.teacher = Flat(teacher.to(device))
        self.teacher_adam = Adam(self.teacher.vector, cfg.teacher_lr)
        self.example = self.teacher.vector.clone()
        """Parameters of the previous round's teacher, which the student imitates."""
        self.networks["teacher"] = (self.teacher, self.teacher_adam)
        self.policy = self._policy(self.actor_target, self.routing.actor.target)
        self.behavior = TeacherMixture(self.policy, self.teacher, cfg.teacher_share)

    def make_distribution(self) -> Distribution:
        """Return tanh: the student's action is deterministic, the teacher's noise is added."""
        return TanhNormal(self.cfg.explore.sigma)

    @property
    def batch_spec(self) -> BatchSpec:
        """Size and contents of one round's batch: pixels only for the imitation."""
        return replace(super().batch_spec, pixels=self._pixels)

    def branches(self) -> tuple[Branch, ...]:
        """Return the update of the student, and that of teacher and critics."""
        return (self._imitate, self._learn)

    def update_targets(self) -> None:
        """Update the targets as ``ActorCritic`` does, and save the teacher for imitation."""
        super().update_targets()
        self.example.copy_(self.teacher.vector)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Load as ``ActorCritic`` does; between rounds ``example`` equals the teacher."""
        super().load(tensors)
        self.example.copy_(self.teacher.vector)

    def _next_outputs(self, obs: Obs) -> Tensor:
        return self.teacher(self.teacher.vector, obs)

    def actor_loss(
        self, parameters: Tensor, obs: Obs, noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """Return mean (tanh π(o) - tanh μ(s))², μ the mean of the previous round's teacher."""
        target = torch.tanh(self.teacher(self.example, obs).chunk(2, dim=-1)[0])
        action = torch.tanh(self.actor(parameters, obs))
        return (action - target).square().mean(), {}

    def _update_actor(self, obs: Obs, noise: Tensor) -> Metrics:
        def loss(parameters: Tensor) -> ActorLoss:
            return self.policy_loss(self.teacher(parameters, obs), obs, noise)

        (value, metrics), _ = descend(loss, self.teacher.vector, self.teacher_adam)
        return {
            **metrics,
            **self._tune(metrics["train/entropy"]),
            "train/teacher_loss": value,
        }

    def _augmented(self, batch: Batch, changes: Tensor) -> Batch:
        return batch  # teacher and critics get no pixels

    def _imitate(self, batch: Batch, noise: Tensor, changes: Tensor) -> Metrics:
        last = rows_of(batch.obs, slice(-self._pixels, None))
        return self._improve_actor(self.augment(last, changes[0]), noise[1])

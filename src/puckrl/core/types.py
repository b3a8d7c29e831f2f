"""Define the tensors that floors pass to each other; sizes are in ``core/spaces.py``."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from puckrl.core.spaces import HistorySpec, PixelSpace, Sensor, Spaces

__all__ = [
    "HISTORY",
    "HISTORY_STEP",
    "Batch",
    "BatchSpec",
    "HistorySpec",
    "Obs",
    "PixelSpace",
    "Sensor",
    "Spaces",
    "Step",
    "rows_of",
]

Obs = dict[str, Tensor]
"""Named observations of B worlds or samples: every value is (B, ...), but ``history``."""
HISTORY, HISTORY_STEP = "history", "history_step"
"""In batches for networks with memory: states of S sequences, (S, L + 1, state_dim), and the
index of each observation in the sequence to which it belongs, (B,) int64. The first B / S
observations belong to the first sequence, and so on."""


class Batch(NamedTuple):
    """Transitions as the agent gets them, goals already relabelled.

    Pixels may be there for the last transitions only, and of next observations not at
    all: see ``BatchSpec``.

    ========== ================================================= ============
    field      meaning                                           shape
    ========== ================================================= ============
    obs        observations before the step, by name             (B, ...) each
    action     action taken, in [-1, 1]                          (B, action_dim)
    reward     reward for the (relabelled) goal                  (B,)
    next_obs   observations after the step, by name              (B, ...) each
    terminated 1.0 where the episode truly ended: no bootstrap   (B,)
    ========== ================================================= ============
    """

    obs: Obs
    action: Tensor
    reward: Tensor
    next_obs: Obs
    terminated: Tensor

    def rows(self, part: slice) -> "Batch":
        """Return some of the transitions, as views."""
        return Batch(
            obs=rows_of(self.obs, part),
            action=self.action[part],
            reward=self.reward[part],
            next_obs=rows_of(self.next_obs, part),
            terminated=self.terminated[part],
        )

    def split(self, parts: int) -> list["Batch"]:
        """Return equal parts, in order, as views.

        Every tensor is cut on its own: pixels may be there for fewer transitions.
        """
        obs, next_obs = _split(self.obs, parts), _split(self.next_obs, parts)
        action, reward = self.action.chunk(parts), self.reward.chunk(parts)
        terminated = self.terminated.chunk(parts)
        return [
            Batch(
                obs=obs[part],
                action=action[part],
                reward=reward[part],
                next_obs=next_obs[part],
                terminated=terminated[part],
            )
            for part in range(parts)
        ]


def rows_of(obs: Obs, part: slice) -> Obs:
    """Return some of the observations, as views, with the sequences that they belong to.

    Args:
        obs: observations.
        part: which; with a history, whole sequences.
    """
    rows = {name: value[part] for name, value in obs.items()}
    if HISTORY in obs:
        each = len(obs[HISTORY_STEP]) // len(obs[HISTORY])
        first, last = (end and end // each for end in (part.start, part.stop))
        rows[HISTORY] = obs[HISTORY][first:last]
    return rows


def _split(obs: Obs, parts: int) -> list[Obs]:
    """Return equal parts of observations, as views."""
    chunks = {name: value.chunk(parts) for name, value in obs.items()}
    return [{name: c[part] for name, c in chunks.items()} for part in range(parts)]


@dataclass(frozen=True)
class BatchSpec:
    """What one round of updates needs of a replay buffer."""

    transitions: int
    """Transitions."""
    pixels: int | None = None
    """The last transitions come with pixels, this many; None: all of them."""
    next_pixels: bool = True
    """Whether next observations come with pixels too."""
    later_pixels: bool = False
    """Whether observations come with the pixels of any later step of their episode,
    ``later_pixels``."""
    history: HistorySpec | None = None
    """The sequences that observations come with; None: none."""

    @property
    def num_pixels(self) -> int:
        """Transitions that come with pixels."""
        return self.transitions if self.pixels is None else self.pixels


class Step(NamedTuple):
    """What one control step of every world gives.

    ========== ==================================================== ==========
    field      meaning                                              shape
    ========== ==================================================== ==========
    obs        observation to act on next; of the new episode where (W, ...)
               the world was reset                                  each
    final_obs  observation that the step led to                     (W, ...)
                                                                    each
    reward     reward of the step                                   (W,)
    success    goal reached after the step                          (W,) bool
    terminated the episode ended: do not bootstrap                  (W,) bool
    truncated  the episode was cut by the horizon or by bad physics (W,) bool
    diverged   the physics failed; the step must not be learned     (W,) bool
    metrics    measurements of the episode so far, by name          (W,) each
    valid      the world acted; else it only began an episode, and  (W,) bool
               ``obs`` is its first; None: every world acted
    ========== ==================================================== ==========

    ``success`` means nothing where ``Spaces.knows_success`` is False.
    """

    obs: Obs
    final_obs: Obs
    reward: Tensor
    success: Tensor
    terminated: Tensor
    truncated: Tensor
    diverged: Tensor
    metrics: Obs = {}  # noqa: RUF012  a tuple's default, which nobody writes to
    valid: Tensor | None = None

    @property
    def forgotten(self) -> Tensor:
        """Worlds of which a policy must forget what came before, (W,) bool."""
        return self.done if self.valid is None else self.done | ~self.valid

    @property
    def done(self) -> Tensor:
        """Worlds whose episode is over, (W,) bool."""
        return self.terminated | self.truncated

    @classmethod
    def recorded(cls, final_obs: Obs, done: Tensor, obs: Obs | None = None) -> "Step":
        """Return a step of which only the observation and the ends are known.

        Args:
            final_obs: observation that the step led to, (W, ...) each.
            done: worlds whose episode was cut, (W,) bool.
            obs: observation to act on next; None: ``final_obs``.
        """
        never = torch.zeros_like(done)
        return cls(
            obs=final_obs if obs is None else obs,
            final_obs=final_obs,
            reward=never.float(),
            success=never,
            terminated=never,
            truncated=done,
            diverged=never,
        )

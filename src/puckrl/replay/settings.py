"""Settings of a replay buffer, and what follows from them before it is allocated."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from puckrl.core.errors import UserError
from puckrl.core.settings import (
    COUNT,
    HASHED_IF_CHANGED,
    NON_NEGATIVE,
    PER_PROCESS,
    SHARE,
)
from puckrl.core.spaces import Spaces
from puckrl.replay.layout import bytes_per_episode

Strategy = Literal["future", "final", "episode"]
Place = Literal["device", "cpu", "disk"]


@dataclass(frozen=True)
class SamplingCfg:
    """Choice of the transitions in a batch."""

    moving_share: Annotated[float, SHARE] = 0.0
    """Share of a batch from steps after which the achieved goal still moves."""
    moved_m: Annotated[float, NON_NEGATIVE] = 0.02
    """The achieved goal still moves while it is further than this from where it ends, in
    meters or the task's unit."""


@dataclass(frozen=True)
class GoalImagesCfg:
    """Goals of transitions that come with a goal image; the others follow ``her_ratio``.

    What ``future`` and ``other`` leave are the episodes' own goals, rendered pictures.
    """

    future: Annotated[float, SHARE] = 0.4
    """Share of goals that the transition's own episode achieves, by ``her_strategy``."""
    other: Annotated[float, SHARE] = 0.4
    """Share of goals that other episodes achieved, at random steps."""


@dataclass(frozen=True)
class ReplayCfg:
    """Replay buffer and hindsight relabeling."""

    capacity: Annotated[int, COUNT, PER_PROCESS] = 1_000_000
    """Maximum number of transitions; new episodes replace the oldest."""
    her_strategy: Strategy = "future"
    """Part of an episode from which hindsight goals come."""
    her_ratio: Annotated[float, SHARE] = 0.8
    """Share of hindsight goals in a batch; k per original goal is k / (k + 1)."""
    sampling: SamplingCfg = field(default_factory=SamplingCfg)
    """Choice of the transitions in a batch."""
    goal_images: Annotated[GoalImagesCfg, HASHED_IF_CHANGED] = GoalImagesCfg()
    """Goals of transitions that come with a goal image."""
    n_step: Annotated[int, COUNT, HASHED_IF_CHANGED] = 1
    """Rewards in a return before it bootstraps, in a buffer of single steps: that of foreign
    environments without hindsight."""
    frames_on: Place = "device"
    """Storage of images. device: with the networks; cpu: in main memory; disk: in a
    file."""
    frames_folder: str = ""
    """Folder of that file; empty: the system's folder for temporary files."""

    def episodes(self, spaces: Spaces, num_worlds: int) -> int:
        """Return the number of episodes that fit.

        Raises:
            UserError: if they are fewer than the worlds that end an episode together.
        """
        least = num_worlds * spaces.horizon
        if self.capacity < least:
            raise UserError(
                f"--replay.capacity {self.capacity:,} holds less than an episode of every "
                f"world; legal: from {least:,} on ({num_worlds:,} worlds, "
                f"{spaces.horizon:,} steps); raise it, or lower --sim.num-worlds"
            )
        return self.capacity // spaces.horizon

    def bytes_total(self, spaces: Spaces, num_worlds: int) -> int:
        """Return the bytes of stored and unfinished episodes, without allocating them."""
        rows = self.episodes(spaces, num_worlds) + num_worlds
        return rows * bytes_per_episode(spaces)


def relabel_probability(k: float) -> float:
    """Return the share k / (k + 1) of relabeled goals: k for each original one."""
    return k / (k + 1)

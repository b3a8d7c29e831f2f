"""The protocol of a replay buffer, for the training loop and its snapshots.

``EpisodeReplayBuffer`` keeps whole episodes and relabels goals. A buffer of single steps,
for dense rewards without goals, satisfies the same protocol.
"""

from typing import Protocol

import torch
from torch import Tensor

from puckrl.core.types import Batch, BatchSpec, Obs, Spaces, Step


class ReplayBuffer(Protocol):
    """A replay buffer.

    It counts what it stores in *units*, the pieces that snapshots write: whole episodes
    in one buffer, single steps in another.
    """

    @property
    def spaces(self) -> Spaces:
        """Sizes of observations and actions."""
        ...

    @property
    def device(self) -> torch.device:
        """Device of the sampled batches."""
        ...

    @property
    def added(self) -> int:
        """Units ever added."""
        ...

    @property
    def oldest(self) -> int:
        """Number of the oldest unit that is still stored."""
        ...

    @property
    def bytes_per_unit(self) -> int:
        """Size of a stored unit in bytes."""
        ...

    @property
    def episodes_added(self) -> int:
        """Complete episodes ever added."""
        ...

    @property
    def counted(self) -> int:
        """What warm-up and normalizers count: complete episodes, or rows of steps."""
        ...

    def __len__(self) -> int:
        """Return the number of transitions that can be sampled."""
        ...

    def begin(self, obs: Obs) -> None:
        """Record the first observations of every world, (num_worlds, ...)."""
        ...

    def add(self, action: Tensor, step: Step) -> None:
        """Record one control step of every world."""
        ...

    def sample(self, spec: BatchSpec, rng: torch.Generator, rounds: int = 1) -> Batch:
        """Draw the transitions of ``rounds`` rounds; ``Batch.split`` separates them."""
        ...

    def vectors(self, first: int, last: int) -> Obs:
        """Return the observed vectors of episodes first ... last - 1, (n, dim) each."""
        ...

    def metrics(self) -> dict[str, float]:
        """Return the numbers to log, by name."""
        ...

    # -- checkpoint -----------------------------------------------------------

    def export(self, first: int, last: int) -> dict[str, Tensor]:
        """Return copies of the units first ... last - 1, by name."""
        ...

    def load(self, first: int, rows: dict[str, Tensor]) -> None:
        """Store exported units, oldest first."""
        ...

    def forget(self) -> None:
        """Drop all units; ``load`` and ``restore`` may then fill the buffer again."""
        ...

    def snapshot(self) -> dict[str, Tensor]:
        """Return a copy of the steps that do not yet form a unit."""
        ...

    def restore(self, snapshot: dict[str, Tensor], added: int) -> None:
        """Restore a ``snapshot``, taken when ``added`` units had been added."""
        ...

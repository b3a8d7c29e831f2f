"""What the training loop and its snapshots ask of a replay buffer.

``EpisodeReplayBuffer`` keeps whole episodes and relabels goals. A buffer of single steps,
for dense rewards without goals, satisfies the same protocol.
"""

from typing import Protocol

import torch
from torch import Tensor

from puckrl.core.types import Batch, BatchSpec, Obs, Spaces, Step


class ReplayBuffer(Protocol):
    """Steps in, batches out.

    What is stored is counted in *units*, the pieces that snapshots write: whole episodes
    in one buffer, single steps in another.
    """

    @property
    def spaces(self) -> Spaces:
        """Sizes of observations and actions."""
        ...

    @property
    def device(self) -> torch.device:
        """Where batches are made."""
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
        """Bytes of a stored unit."""
        ...

    @property
    def episodes_added(self) -> int:
        """Complete episodes ever added."""
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
        """Draw the transitions of some rounds; ``Batch.split`` cuts them."""
        ...

    def vectors(self, first: int, last: int) -> Obs:
        """Return the vectors seen in episodes first ... last - 1, (n, dim) each."""
        ...

    def metrics(self) -> dict[str, float]:
        """Return what the log says of the buffer."""
        ...

    # -- checkpoint -----------------------------------------------------------

    def export(self, first: int, last: int) -> dict[str, Tensor]:
        """Return copies of the units first ... last - 1, by name."""
        ...

    def load(self, first: int, rows: dict[str, Tensor]) -> None:
        """Put exported units back, the oldest first."""
        ...

    def forget(self) -> None:
        """Drop what is stored; ``load`` and ``restore`` then say what is."""
        ...

    def snapshot(self) -> dict[str, Tensor]:
        """Return a copy of what is not yet a unit."""
        ...

    def restore(self, snapshot: dict[str, Tensor], added: int) -> None:
        """Put back what ``snapshot`` returned when ``added`` units had been added."""
        ...

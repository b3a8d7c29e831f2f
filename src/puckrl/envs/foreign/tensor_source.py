"""The protocol of what steps many worlds of a foreign environment, in torch.

It has one duty: nothing that it returns is changed later. Libraries overwrite rewards,
flags and dictionaries in place, and some hand out views of the simulation itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from puckrl.envs.foreign.groups import Groups


class TensorRows(NamedTuple):
    """What one control step of every world gives; W rows each, owned by nobody else."""

    obs: Tensor
    """Observations to act on next, (W, width)."""
    final: Tensor
    """Observations that the step led to, (W, width)."""
    reward: Tensor
    """Rewards, (W,)."""
    terminated: Tensor
    """Episodes that ended, (W,) bool."""
    truncated: Tensor
    """Episodes that were cut, (W,) bool."""
    success: Tensor | None
    """Whether each world says that it succeeded, (W,) bool; None: it does not say."""
    logs: Mapping[str, Any] = {}
    """Measurements of the library's own: means over the worlds whose episode is over."""


@dataclass(frozen=True)
class Facts:
    """What an environment says of itself."""

    num_worlds: int
    """Number of worlds."""
    device: torch.device
    """Device of its tensors."""
    action_low: Tensor
    """Minimum of each component of an action, (A,); -inf: none."""
    action_high: Tensor
    """Maximum of each component of an action, (A,); inf: none."""
    horizon: int
    """Time limit of an episode, control steps."""
    control_dt_s: float
    """Duration of a control step, seconds."""
    has_home: bool = False
    """Whether an action of 0 is a place of its own, which may not be the middle."""


class TensorSource(Protocol):
    """Many worlds in which episodes begin automatically."""

    @property
    def facts(self) -> Facts:
        """What the environment says of itself."""
        ...

    def begin(self, seed: int | None) -> Mapping[str, Any]:
        """Begin an episode in every world; return the library's own observations."""
        ...

    def read(self, groups: Groups) -> None:
        """Read these groups of observations from now on."""
        ...

    def step(self, action: Tensor) -> TensorRows:
        """Make a control step with the environment's own actions, (W, A)."""
        ...

    def close(self) -> None:
        """Release device memory; safe to call twice."""
        ...

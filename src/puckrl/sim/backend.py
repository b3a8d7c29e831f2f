"""What a physics backend answers, whether threads or a GPU run it."""

from collections.abc import Callable
from typing import Any, Protocol

import mujoco
import torch
from torch import Tensor


class Sim(Protocol):
    """``num_worlds`` copies of one model, stepped together."""

    model: mujoco.MjModel
    num_worlds: int
    device: torch.device

    def field(self, name: str) -> Tensor:
        """A live view of an MjData field, (num_worlds, ...), without a copy.

        State fields (qpos, qvel, ctrl, mocap_pos, ...) may be written; derived
        fields (xpos, site_xpos, ...) describe the last step() or forward().
        """
        ...

    def step(self, nstep: int) -> Tensor:
        """Advance every world by ``nstep`` physics steps of ``timestep`` seconds.

        Returns:
            (num_worlds,) bool: worlds whose physics failed (NaN, divergence). They
            keep the state from before the call, their derived fields mean nothing,
            and they must be reset.
        """
        ...

    def failure(self, worlds: Tensor) -> str:
        """Why worlds failed in the last step, in words; ``worlds``: (n,) int64."""
        ...

    def forward(self, worlds: Tensor | None = None) -> None:
        """Recompute the derived fields at the present state (all worlds: None)."""
        ...

    def reset(self, worlds: Tensor) -> None:
        """Set worlds to the model's default state; derived fields are left stale.

        Args:
            worlds: sorted indices of the worlds to reset, (n,) int64.
        """
        ...

    def captured(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The fastest way to call ``function``, for which it may be recorded once.

        Args:
            function: of tensors, to nested containers of tensors; it may step this
                simulation and change tensors in place, but must never look at a value
                on the host: what Python decides is decided once.

        Returns:
            The same function; its results belong to the caller.
        """
        ...

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of everything that decides the future, for a checkpoint."""
        ...

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Go back to a snapshot of a simulation of the same size."""
        ...

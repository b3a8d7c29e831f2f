"""Define the protocol of a physics backend, on CPU threads or on a GPU."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import mujoco
import torch
from torch import Tensor


class Sim(Protocol):
    """Step ``num_worlds`` copies of one model together."""

    model: mujoco.MjModel
    num_worlds: int
    device: torch.device

    def field(self, name: str) -> Tensor:
        """Return a live view of an MjData field, (num_worlds, ...), without a copy.

        State fields (qpos, qvel, ctrl, mocap_pos, ...) may be written; derived
        fields (xpos, site_xpos, ...) describe the last step() or forward().
        """
        ...

    def model_field(self, name: str) -> Tensor:
        """Return a live view of a varied model field, (num_worlds, ...).

        Raises:
            ValueError: if the simulation was not made to vary the field.
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
        """Say why worlds failed in the last step; ``worlds``: (n,) int64."""
        ...

    def forward(self, worlds: Tensor | None = None) -> None:
        """Recompute the derived fields at the current state (all worlds: None)."""
        ...

    def reset(self, worlds: Tensor) -> None:
        """Set worlds to the model's default state; derived fields are left stale.

        Args:
            worlds: sorted indices of the worlds to reset, (n,) int64.
        """
        ...

    def captured(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the fastest way to call ``function``; it may record one call.

        Args:
            function: maps tensors to nested containers of tensors. It may step this
                simulation and change tensors in place, but must never read a value on
                the host: a recording repeats Python's first decision for ever.

        Returns:
            The same function; its results belong to the caller.
        """
        ...

    def snapshot(self) -> dict[str, Tensor]:
        """Copy everything that decides the future, for a checkpoint."""
        ...

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Go back to a snapshot of a simulation of the same size."""
        ...


def not_varied(name: str, varied: Iterable[str]) -> ValueError:
    """Return the error for a model field that is equal in all worlds."""
    legal = ", ".join(varied) or "none"
    return ValueError(f"model field {name!r} does not vary; varied: {legal}")

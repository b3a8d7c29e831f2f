"""Simulate on the CPU: MuJoCo's own batch of worlds on a pool of C threads."""

import copy
import logging
from collections.abc import Callable, Iterable
from typing import Any

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.sim.backend import not_varied

# mjWARN_BADQPOS, _BADQVEL, _BADQACC are neighbors: a slice (a view) selects them
_DIVERGED = slice(
    mujoco.mjtWarning.mjWARN_BADQPOS.value, mujoco.mjtWarning.mjWARN_BADQACC.value + 1
)

log = logging.getLogger(__name__)


class CpuSim:
    """Wrap ``mujoco.batch.Batch`` in torch tensors without copies.

    Bit-identical to a loop over MjData at any number of threads. MuJoCo ends the threads
    when the simulation and every view of its fields are garbage-collected; it offers no
    other way.

    Args:
        model: the compiled model; the batch keeps its own copy.
        num_worlds: simulation copies.
        num_threads: C threads; 0 means every core.
        varied: model fields with a row per world, e.g. ``geom_friction``; see
            ``model_field``.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        num_worlds: int,
        num_threads: int = 0,
        varied: Iterable[str] = (),
    ) -> None:
        model = copy.copy(model)
        # MuJoCo must report a world that diverges, not silently reset it.
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        varied = tuple(varied)
        if varied:  # the midphase's bounding volumes would not follow geoms that vary
            model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_MIDPHASE
        # imported here: environments of others pin a mujoco that does not have it
        try:
            from mujoco.batch import Batch, SimulationError
        except ModuleNotFoundError:
            raise UserError(
                f"mujoco {mujoco.__version__} cannot step many worlds; our tasks need 3.17 or "
                "newer: pip install -U mujoco, or use another virtual environment"
            ) from None

        self._errors = SimulationError
        self.batch = Batch(model, num_worlds, num_threads)
        self.model = self.batch.model
        self.num_worlds = num_worlds
        self.device = torch.device("cpu")
        self._state = torch.from_numpy(self.batch.state)
        # live counts of how often each world's qpos, qvel, qacc was NaN or huge
        self._divergences: NDArray[np.int32] = self.batch.warning[:, _DIVERGED, 1]
        self._derived: dict[str, Tensor] = {}
        self._varied = {
            name: torch.from_numpy(self.batch.expand(name)) for name in varied
        }

    def field(self, name: str) -> Tensor:
        """Return a live view of an MjData field, (num_worlds, ...).

        Raises:
            ValueError: if MuJoCo has no such field.
        """
        if name in self._derived:
            return self._derived[name]
        array = self.batch.bind(name)
        if array.flags.writeable:  # a state field: already a view of the rows
            return torch.from_numpy(array)
        # Derived fields are read-only for numpy, since the next call overwrites
        # them. restore() must write them, so view their buffer.
        buffer = array.base
        assert buffer is not None, name
        view = torch.from_numpy(buffer.view(array.dtype).reshape(array.shape))
        self._derived[name] = view
        return view

    def model_field(self, name: str) -> Tensor:
        """Return a live view of a ``varied`` model field; see ``Sim.model_field``."""
        if name not in self._varied:
            raise not_varied(name, self._varied)
        return self._varied[name]

    def step(self, nstep: int) -> Tensor:
        """Advance every world; see ``Sim.step``."""
        before, kept = self._divergences.copy(), self._state.clone()
        failed = np.zeros(self.num_worlds, dtype=bool)
        try:
            self.batch.step(nstep=nstep)
        except self._errors as error:
            log.warning("%s", error)
            failed[error.ids] = True
        failed |= (self._divergences > before).any(axis=1)
        if failed.any():  # mj_step integrates what diverges
            self._state[failed] = kept[failed]
        return torch.from_numpy(failed)

    def failure(self, worlds: Tensor) -> str:
        """Return MuJoCo's only reason; see ``Sim.failure``."""
        return "NaN or huge"

    def forward(self, worlds: Tensor | None = None) -> None:
        """Recompute the derived fields; see ``Sim.forward``."""
        self.batch.forward(None if worlds is None else worlds.numpy())

    def reset(self, worlds: Tensor) -> None:
        """Set worlds to the model's defaults; see ``Sim.reset``."""
        self.batch.reset(worlds.numpy(), stage=mujoco.mjtStage.mjSTAGE_NONE.value)

    def captured(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function itself; see ``Sim.captured``."""
        return function

    def snapshot(self) -> dict[str, Tensor]:
        """Copy state, varied model fields, and derived fields: some of these lag a step."""
        derived = {f"derived.{name}": x.clone() for name, x in self._derived.items()}
        model = {f"model.{name}": x.clone() for name, x in self._varied.items()}
        return {"state": self._state.clone(), **derived, **model}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Go back to a snapshot; see ``Sim.restore``."""
        self._state.copy_(snapshot["state"])
        for name, value in snapshot.items():
            if name.startswith("derived."):
                self.field(name.removeprefix("derived.")).copy_(value)
            if name.startswith("model."):
                self.model_field(name.removeprefix("model.")).copy_(value)

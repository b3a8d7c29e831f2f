"""Simulate on a GPU: mujoco_warp steps thousands of worlds together, in float32.

It also runs on the CPU, one world after the other, so that tests need no GPU.

    put_model, make_data          one model, num_worlds rows of every field
    field(name)                   wp.to_torch: the very memory of Warp, as a tensor
    step(20)                      20 x mujoco_warp.step; derived fields lag one step, as in C
    captured(function)            physics and torch around it as one CUDA graph
"""

import copy
import time
from collections.abc import Callable, Iterable
from typing import Any

import mujoco
import mujoco_warp as mjw
import torch
import warp
from torch import Tensor
from torch.utils import _pytree as pytree

from puckrl.core.capture import Captured
from puckrl.core.timeline import span
from puckrl.sim.backend import not_varied
from puckrl.sim.kernels import (
    Streams,
    WarpGraph,
    load_kernels,
    put_model,
    start_warp,
)

# Fields that a step advances, and fields that only the caller writes
_ADVANCED = ("time", "qpos", "qvel", "act", "qacc_warmstart")
_GIVEN = ("ctrl", "qfrc_applied", "xfrc_applied", "mocap_pos", "mocap_quat")
_STATE = (*_ADVANCED, *_GIVEN)
# Fields that mujoco_warp.kinematics, com_pos and com_vel compute
_DERIVED = (
    "xpos",
    "xquat",
    "xmat",
    "xipos",
    "ximat",
    "xanchor",
    "xaxis",
    "geom_xpos",
    "geom_xmat",
    "site_xpos",
    "site_xmat",
    "subtree_com",
    "cdof",
    "cinert",
    "cvel",
    "cdof_dot",
)
# Fields that only a step computes
_STEPPED = ("qfrc_constraint",)
# A step's constraints read these before the step recomputes them: they are state
_CARRIED = ("cvel", "cdof_dot")
_HUGE = 1e10  # mjMAXVAL: above it MuJoCo, too, considers a state diverged
# Overflows that drop contacts or constraints. Running out of solver iterations is none:
# MuJoCo, too, goes on with what it has.
_LOST = int(
    mjw.OverflowType.NEFC
    | mjw.OverflowType.NJMAX_NNZ
    | mjw.OverflowType.BROADPHASE
    | mjw.OverflowType.NARROWPHASE
    | mjw.OverflowType.CCD
)


class WarpSim:
    """Wrap mujoco_warp in torch tensors without copies; implements ``Sim``.

    Args:
        model: the compiled model.
        num_worlds: simulation copies.
        device: where they live; on the CPU a world of Push takes 3 ms per control step.
        max_contacts: contacts per world, on average over worlds: they share a buffer.
        max_constraints: constraint rows per world.
        varied: model fields with a row per world, e.g. ``geom_friction``; see
            ``model_field``.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        num_worlds: int,
        device: torch.device,
        *,
        max_contacts: int = 32,
        max_constraints: int = 240,
        varied: Iterable[str] = (),
    ) -> None:
        self.model, self.num_worlds, self.device = copy.copy(model), num_worlds, device
        start_warp()
        self._streams = Streams(device)
        with self._streams.shared():
            sizes = dict.fromkeys(varied, num_worlds)
            self._model = put_model(self.model, sizes)
            self._model.opt.warn_overflow = 0  # ``failure`` reports overflows
            # Box against box by separating axes, as in MuJoCo's C engine: closer to it
            # and much faster than the general algorithm.
            self._model.opt.disableflags |= mjw.DisableBit.NATIVECCD
            self._data = mjw.make_data(
                self.model, num_worlds, nconmax=max_contacts, njmax=max_constraints
            )
        self._varied = tuple(sizes)
        self._views: dict[str, Tensor] = {}
        self._overflow = warp.to_torch(self._data.overflow)
        for name in _CARRIED:
            self.field(name)
        self._default = self._default_rows()
        with span("physics kernels"):
            self.compile_s = self._compile()
        """Seconds spent compiling kernels or loading them from Warp's cache."""

    def _default_rows(self) -> dict[str, Tensor]:
        """Return the state that mj_resetData sets, a row for each field."""
        data = mujoco.MjData(self.model)
        rows = {}
        for name in _STATE:
            view = self.field(name)
            row = torch.as_tensor(getattr(data, name), dtype=torch.float32)
            rows[name] = row.reshape(view.shape[1:]).to(self.device)
        return rows

    def _compile(self) -> float:
        """Launch every kernel once, to compile them before anything is timed."""
        begin = time.perf_counter()
        self._substep = lambda: mjw.step(self._model, self._data)
        self._set_default(slice(None))
        if self.device.type == "cuda":  # LLVM, for the CPU, compiles one at a time
            load_kernels(self._launch_all, self.device)
            self._launch_all()
        if self.device.type == "cpu":
            self._substep = self._recorded(self._substep)
        self._set_default(slice(None))
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - begin

    def _launch_all(self) -> None:
        """Launch the kernels of a step and of what follows from positions."""
        self.step(1)
        self._kinematics()

    def _recorded(self, function: Callable[[], object]) -> Callable[[], object]:
        """Record Warp's launches and replay them without Python: 30 times faster.

        Only on the CPU: on CUDA a recording is a graph, and a graph cannot contain another.
        """
        with self._streams.shared(), warp.ScopedCapture() as recording:
            function()
        return lambda: warp.capture_launch(recording.graph)

    def field(self, name: str) -> Tensor:
        """Return a live view of an MjData field, (num_worlds, ...) float32.

        Raises:
            ValueError: if ``step`` does not keep the field up to date.
        """
        if name not in (*_STATE, *_DERIVED, *_STEPPED):
            legal = ", ".join((*_STATE, *_DERIVED, *_STEPPED))
            raise ValueError(f"no field {name!r} here; legal: {legal}")
        if name not in self._views:
            view = warp.to_torch(getattr(self._data, name))
            # 9 numbers a matrix, as in MuJoCo
            self._views[name] = view.flatten(-2) if name.endswith("mat") else view
        return self._views[name]

    def model_field(self, name: str) -> Tensor:
        """Return a live view of a ``varied`` model field, (num_worlds, ...).

        Raises:
            ValueError: if the field is not among ``varied``.
        """
        if name not in self._varied:
            raise not_varied(name, self._varied)
        return warp.to_torch(getattr(self._model, name))

    def step(self, nstep: int) -> Tensor:
        """Advance every world; see ``Sim.step``."""
        views = [self.field(name) for name in _ADVANCED]
        views += self._viewed(_DERIVED) + self._viewed(_STEPPED)
        before = [view.clone() for view in views]
        self._overflow.zero_()
        with self._streams.shared():
            for _ in range(nstep):
                self._substep()
        failed = self._diverged() | self._overflowed()
        _keep_rows(views, before, failed)
        return failed

    def _viewed(self, names: tuple[str, ...]) -> list[Tensor]:
        """Return those of some fields of which a view exists."""
        return [view for name, view in self._views.items() if name in names]

    def _diverged(self) -> Tensor:
        """Find worlds with a state that is NaN or huge, (num_worlds,) bool."""
        names = ("qpos", "qvel", "qacc_warmstart")  # the last is the acceleration
        sizes = [self.field(name).abs().amax(dim=1) for name in names]
        return ~(torch.stack(sizes) < _HUGE).all(dim=0)  # a NaN is not smaller either

    def _overflowed(self) -> Tensor:
        """Find worlds that lacked room for contacts or constraints, (num_worlds,) bool.

        Worlds share one buffer of contacts: when it is full we cannot tell which world
        lacks a contact, and every world has failed.
        """
        return (self._overflow & _LOST) != 0

    def failure(self, worlds: Tensor) -> str:
        """Say why worlds failed in the last step; see ``Sim.failure``."""
        bits = (int(x) for x in self._overflow[worlds].unique() if int(x) & _LOST)
        names = {mjw.OverflowType(x & _LOST).name or "" for x in bits}
        return f"overflow: {', '.join(sorted(names))}" if names else "NaN or huge"

    def forward(self, worlds: Tensor | None = None) -> None:
        """Recompute the derived fields; see ``Sim.forward``.

        Positions and velocities only: the next step reads nothing else of a forward pass,
        since its warm start is the acceleration of the last *step*.
        """
        if worlds is None:
            self._kinematics()
            return
        views = self._viewed(_DERIVED)
        before = [view.clone() for view in views]
        self._kinematics()
        others = torch.ones(self.num_worlds, dtype=torch.bool, device=self.device)
        others[worlds] = False
        _keep_rows(views, before, others)

    def _kinematics(self) -> None:
        with self._streams.shared():
            mjw.kinematics(self._model, self._data)
            mjw.com_pos(self._model, self._data)
            mjw.com_vel(self._model, self._data)

    def reset(self, worlds: Tensor) -> None:
        """Set worlds to the model's defaults; see ``Sim.reset``."""
        self._set_default(worlds)

    def _set_default(self, worlds: Tensor | slice) -> None:
        for name, row in self._default.items():
            self.field(name)[worlds] = row

    def captured(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Record one graph on CUDA and copy its results; see ``Sim.captured``."""
        if self.device.type == "cpu":
            return function
        replayed = Captured(function, WarpGraph(self.device, self._streams))
        return lambda *args: pytree.tree_map_only(Tensor, torch.clone, replayed(*args))

    def snapshot(self) -> dict[str, Tensor]:
        """Copy state, varied model fields, and derived fields: some of these lag a step."""
        names = sorted({*_STATE, *self._views})
        model = {f"model.{name}": self.model_field(name) for name in self._varied}
        fields = {name: self.field(name) for name in names} | model
        return {name: view.clone() for name, view in fields.items()}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Go back to a snapshot; see ``Sim.restore``."""
        for name, value in snapshot.items():
            field = name.removeprefix("model.")
            view = self.field(name) if field == name else self.model_field(field)
            view.copy_(value)


def _keep_rows(views: list[Tensor], before: list[Tensor], rows: Tensor) -> None:
    """Restore the rows of some worlds, (num_worlds,) bool, without a host transfer."""
    for view, old in zip(views, before, strict=True):
        mask = rows.reshape(-1, *[1] * (view.dim() - 1))
        view.copy_(torch.where(mask, old, view))

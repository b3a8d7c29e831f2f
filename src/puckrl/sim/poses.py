"""Bind the live poses that a camera reads from a simulation."""

import mujoco
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.sim.backend import Sim


def bind_poses(sim: Sim, body: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return live poses of all geoms, (W, ngeom, 3 or 9), and of a named body, (W, 3 or 9).

    Only the next physics call fills a field that was bound after the last one: compute it
    once, and restore everything else.

    Raises:
        UserError: if the scene lacks the body.
    """
    before = sim.snapshot()
    geoms = {name: sim.field(name) for name in ("geom_xpos", "geom_xmat")}
    carrier: dict[str, Tensor] = {}
    if body:
        row = _body_id(sim.model, body)
        carrier = {name: sim.field(name)[:, row] for name in ("xpos", "xmat")}
    sim.forward()
    sim.restore(before)
    return {k: x.reshape(*x.shape[:2], -1) for k, x in geoms.items()}, carrier


def _body_id(model: mujoco.MjModel, name: str) -> int:
    """Return the index of the body that carries the camera."""
    names = [model.body(i).name for i in range(model.nbody)]
    if name not in names:
        raise UserError(
            f"the viewpoint is on body {name!r}, which this scene does not have; choose "
            f"a viewpoint in the world, or one on: {', '.join(sorted(filter(None, names)))}"
        )
    return names.index(name)

"""What may look different from world to world, a row each: ``Camera.looks`` at first."""

import mujoco
import torch
from torch import Tensor

from puckrl.sim.backend import Sim
from puckrl.sim.viewpoints import Viewpoint

MODEL_FIELDS = ("geom_rgba", "light_ambient", "light_diffuse", "light_specular")
"""Fields of the ray tracer's model that vary."""

# A geom of this color shows its material; see mjModel.geom_rgba.
_UNPAINTED = (0.5, 0.5, 0.5, 1.0)


def stand(view: Viewpoint, sim: Sim) -> dict[str, Tensor]:
    """Where the camera stands in its viewpoint's frame, a row per world."""
    place = {"cam_pos": view.pos_m, "cam_mat": view.rotation()}
    return {name: _rows(value, sim) for name, value in place.items()}


def first_looks(model: mujoco.MjModel, sim: Sim) -> dict[str, Tensor]:
    """The model's own colors and lights, a row per world."""
    colors = model.geom_rgba.copy()
    shows_material = (colors == _UNPAINTED).all(axis=1) & (model.geom_matid >= 0)
    colors[shows_material] = model.mat_rgba[model.geom_matid[shows_material]]
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    lights = {
        name: getattr(model, name) for name in MODEL_FIELDS if name != "geom_rgba"
    }
    looks = {"geom_rgba": colors, **lights, "light_xdir": data.light_xdir}
    return {name: _rows(value, sim) for name, value in looks.items()}


def _rows(value: object, sim: Sim) -> Tensor:
    """The same row for every world, (num_worlds, ...) float32."""
    row = torch.as_tensor(value, dtype=torch.float32, device=sim.device)
    return row.expand(sim.num_worlds, *row.shape).clone()

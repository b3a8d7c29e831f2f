"""Initialize ``Camera.appearance``: what may differ between worlds, a row per world."""

import mujoco
import torch
from torch import Tensor

from puckrl.sim.backend import Sim
from puckrl.sim.viewpoints import Viewpoint

MODEL_FIELDS = ("geom_rgba", "light_ambient", "light_diffuse", "light_specular")
"""Fields of the ray tracer's model that may differ between worlds."""

# A geom of this color has the color of its material; see mjModel.geom_rgba.
_UNPAINTED = (0.5, 0.5, 0.5, 1.0)


def camera_pose(view: Viewpoint, sim: Sim) -> dict[str, Tensor]:
    """Return the camera's pose in the frame of its viewpoint, a row per world."""
    pose = {"cam_pos": view.pos_m, "cam_mat": view.rotation()}
    return {name: _rows(value, sim) for name, value in pose.items()}


def initial_appearance(model: mujoco.MjModel, sim: Sim) -> dict[str, Tensor]:
    """Return the model's own colors and lights, a row per world."""
    colors = model.geom_rgba.copy()
    shows_material = (colors == _UNPAINTED).all(axis=1) & (model.geom_matid >= 0)
    colors[shows_material] = model.mat_rgba[model.geom_matid[shows_material]]
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    lights = {
        name: getattr(model, name) for name in MODEL_FIELDS if name != "geom_rgba"
    }
    appearance = {"geom_rgba": colors, **lights, "light_xdir": data.light_xdir}
    return {name: _rows(value, sim) for name, value in appearance.items()}


def _rows(value: object, sim: Sim) -> Tensor:
    """Repeat a row for every world, (num_worlds, ...) float32."""
    row = torch.as_tensor(value, dtype=torch.float32, device=sim.device)
    return row.expand(sim.num_worlds, *row.shape).clone()

"""Place cameras; light to import, since nothing is drawn here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import mujoco
import numpy as np
from numpy.typing import NDArray

from puckrl.core.arguments import check_fields
from puckrl.core.errors import UserError, unknown
from puckrl.core.settings import Bounds

Vec3 = tuple[float, float, float]

_FOVY = Bounds(1e-3, 179.0, "above 0, up to 179 degrees")
_FREE_DISTANCE = 1.5  # in extents of the scene
_DEFAULT_FOVY_DEG = 45.0
_STEEPEST_DEG = 89.9  # upright has no meaning for a camera that looks straight down


@dataclass(frozen=True)
class Viewpoint:
    """Place a camera in the world or on a body, upright in that frame.

    Raises:
        UserError: for a field that is not legal, or a camera that looks straight up or
            down and so has no upright.
    """

    pos_m: Vec3
    """Position of the camera."""
    look_at_m: Vec3
    """Point in the middle of the image; not straight above or below the camera."""
    fovy_deg: Annotated[float, _FOVY]
    """Vertical field of view."""
    body: str = ""
    """Body that carries the camera and in whose frame the points are; empty: the world."""

    def __post_init__(self) -> None:
        check_fields(self)
        if np.allclose(self.pos_m[:2], self.look_at_m[:2], rtol=0.0, atol=1e-9):
            raise UserError(
                f"a viewpoint at {self.pos_m} looks straight up or down at "
                f"{self.look_at_m}; move one of them aside by a millimeter"
            )

    def resolve(self, model: mujoco.MjModel) -> "Viewpoint":
        """Return this viewpoint; it is the same for every model."""
        return self

    def rotation(self) -> NDArray[np.float64]:
        """Return the camera's right, up and backward axes as columns, (3, 3)."""
        back = np.subtract(self.pos_m, self.look_at_m)
        back = back / np.linalg.norm(back)
        right = np.cross((0.0, 0.0, 1.0), back)
        right = right / np.linalg.norm(right)
        return np.stack([right, np.cross(back, right), back], axis=1)

    def rays(self, width: int, height: int) -> NDArray[np.float64]:
        """Return the directions through the pixels' centers, (height, width, 3).

        They are one meter long along the optical axis: a pixel shows the point
        ``pos_m + depth_m * ray``.
        """
        unit = 2.0 * math.tan(math.radians(self.fovy_deg) / 2.0) / height
        x = (np.arange(width) + 0.5 - width / 2.0) * unit
        y = (height / 2.0 - np.arange(height) - 0.5) * unit
        right, up = np.meshgrid(x, y)
        local = np.stack([right, up, np.full_like(right, -1.0)], axis=-1)
        return local @ self.rotation().T


def orbit(
    look_at_m: Vec3,
    distance_m: float,
    azimuth_deg: float,
    elevation_deg: float,
    fovy_deg: float,
) -> Viewpoint:
    """Return the viewpoint of MuJoCo's free camera (``mjvCamera``) with these settings."""
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    forward = (
        math.cos(elevation) * math.cos(azimuth),
        math.cos(elevation) * math.sin(azimuth),
        math.sin(elevation),
    )
    x, y, z = (
        at - distance_m * ahead for at, ahead in zip(look_at_m, forward, strict=True)
    )
    return Viewpoint((x, y, z), look_at_m, fovy_deg)


@dataclass(frozen=True)
class FreeViewpoint:
    """Look at a scene as MuJoCo's viewer does before anyone has moved its camera.

    The model decides: the camera looks at the scene's center from 1.5 times its extent
    (``<statistic>``), at the angles and with the field of view of ``<visual><global>``.

    Source: ``mjv_defaultFreeCamera`` of MuJoCo.
    """

    def resolve(self, model: mujoco.MjModel) -> Viewpoint:
        """Return the place of the free camera in the scene of ``model``."""
        stat, settings = model.stat, model.vis.global_
        x, y, z = (float(value) for value in stat.center)
        return orbit(
            (x, y, z),
            _FREE_DISTANCE * float(stat.extent),
            float(settings.azimuth),
            max(-_STEEPEST_DEG, min(float(settings.elevation), _STEEPEST_DEG)),
            # an orthographic camera states a length in place of an angle
            _DEFAULT_FOVY_DEG if settings.orthographic else float(settings.fovy),
        )


FREE_NAME = "free"
FREE = FreeViewpoint()
"""Legal for every task, under the name ``FREE_NAME``."""


def default_name(offered: Mapping[str, Viewpoint]) -> str:
    """Return the name of a task's first viewpoint, or ``free`` if it offers none."""
    return next(iter(offered), FREE_NAME)


def viewpoint(name: str, offered: Mapping[str, Viewpoint]) -> Viewpoint | FreeViewpoint:
    """Return a viewpoint by name.

    Args:
        name: one of the task's viewpoints, or ``free``.
        offered: the viewpoints of the task; its own ``free`` comes first.

    Raises:
        UserError: if there is no such viewpoint; it lists the legal names.
    """
    legal = {FREE_NAME: FREE, **offered}
    if name not in legal:
        raise unknown("viewpoint", name, legal)
    return legal[name]

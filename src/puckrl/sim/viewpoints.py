"""Where cameras stand; light to import, since it draws nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from puckrl.core.errors import unknown

Vec3 = tuple[float, float, float]


@dataclass(frozen=True)
class Viewpoint:
    """A camera's place in the world or on a body; it is held upright in that frame."""

    pos_m: Vec3
    """Position of the camera."""
    look_at_m: Vec3
    """The point in the middle of the image; not straight above or below."""
    fovy_deg: float
    """Vertical field of view."""
    body: str = ""
    """Body that carries the camera, in whose frame the points are; empty: the world."""

    def rotation(self) -> NDArray[np.float64]:
        """Columns are the camera's right, up and backward axes, (3, 3)."""
        back = np.subtract(self.pos_m, self.look_at_m)
        back = back / np.linalg.norm(back)
        right = np.cross((0.0, 0.0, 1.0), back)
        right = right / np.linalg.norm(right)
        return np.stack([right, np.cross(back, right), back], axis=1)

    def rays(self, width: int, height: int) -> NDArray[np.float64]:
        """Directions through the pixels' centers, (height, width, 3).

        They are one meter long along the optical axis, so that the point seen by a
        pixel is ``pos_m + depth_m * ray``.
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
    """The viewpoint of MuJoCo's free camera (``mjvCamera``) with these settings."""
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


VIEWPOINTS: dict[str, Viewpoint] = {
    # The whole table, an object of about 6 pixels at 64 x 64, little occlusion.
    "side": Viewpoint((1.34, -0.05, 1.05), (1.34, 0.75, 0.42), 38.0),
    "corner": Viewpoint((1.95, 0.10, 1.05), (1.34, 0.75, 0.42), 34.0),
    "front": Viewpoint((2.05, 0.75, 1.05), (1.33, 0.75, 0.42), 38.0),
    # gymnasium-robotics' own view, from far away: the object is 3-4 pixels at 84 x 84.
    "reference": orbit((1.3, 0.75, 0.55), 2.5, 132.0, -14.0, 45.0),
    # On the side of the hand away from the robot; fingers point along its x. It shows
    # what is near and in front of them, and nothing of what lies behind.
    "wrist": Viewpoint(
        (-0.10, 0.0, 0.12), (0.05, 0.0, 0.06), 90.0, "robot0:gripper_link"
    ),
    # Arm, table and goal, for people.
    "film": Viewpoint((2.30, -0.32, 1.20), (1.26, 0.76, 0.53), 31.0),
}


def viewpoint(name: str, known: Mapping[str, Viewpoint] = VIEWPOINTS) -> Viewpoint:
    """A viewpoint by name.

    Args:
        name: what is wanted.
        known: what a task offers.

    Raises:
        UserError: if there is no such viewpoint; it lists the legal names.
    """
    if name not in known:
        raise unknown("viewpoint", name, known)
    return known[name]

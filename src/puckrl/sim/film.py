"""Render images for people: the camera in a studio, with a marker at the goal.

Nothing here touches the physics: the rendered scene is a copy with other colors, lights
and floor. The ray tracer has no translucency, so the marker is no geom: we paint it over
the traced image, behind everything that is nearer in the depth image. A policy's cameras
never show it.
"""

import mujoco
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from puckrl.core.errors import UserError
from puckrl.sim.backend import Sim
from puckrl.sim.viewpoints import FreeViewpoint, Vec3, Viewpoint

BACKDROP: Vec3 = (0.075, 0.09, 0.125)
"""Color of the studio's walls."""
GREEN: Vec3 = (0.10, 0.95, 0.45)
"""Color of goals, and of success."""

_FLOOR: Vec3 = (0.16, 0.185, 0.235)
# The Fetch scenes are white and black; these materials get a color.
_COLORS: dict[str, Vec3] = {
    "floor_mat": _FLOOR,
    "table_mat": (0.86, 0.84, 0.80),
    "block_mat": (1.0, 0.48, 0.12),
    "puck_mat": (1.0, 0.48, 0.12),
}
_KEY_LIGHT = np.array([-0.35, 0.55, -1.0])
# Rays per pixel and axis: 2.25 rays a pixel, of which each is used by up to four.
_SUPERSAMPLING = 1.5
# The floor fades into the backdrop between these multiples of the viewing distance.
_FADE = (0.6, 1.8)
_WINDOW_RADII = 6.0


def film_scene(spec: mujoco.MjSpec) -> mujoco.MjSpec:
    """Change a scene in place to what videos show, and return it; geoms keep their order.

    Floors become endless. A key light that casts shadows and a dim headlight replace the
    lights. Only the materials of the Fetch scenes change their colors.
    """
    for light in list(spec.lights):
        spec.delete(light)
    for geom in spec.worldbody.geoms:
        if geom.type == mujoco.mjtGeom.mjGEOM_PLANE:
            geom.size = [0.0, 0.0, 1.0]
    for material in spec.materials:
        material.specular, material.shininess = 0.25, 0.35
        if material.name in _COLORS:
            material.rgba = [*_COLORS[material.name], 1.0]
        if material.name in ("floor_mat", "table_mat"):
            material.specular = 0.0
    head = spec.visual.headlight
    head.active, head.ambient, head.diffuse = 1, [0.30] * 3, [0.18] * 3
    head.specular = [0.1] * 3
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        dir=_KEY_LIGHT / np.linalg.norm(_KEY_LIGHT),
        ambient=[0.0] * 3,
        diffuse=[0.66] * 3,
        specular=[0.4] * 3,
        castshadow=True,
    )
    return spec


class Film:
    """Render antialiased images of all worlds with a translucent sphere at each goal.

    Args:
        sim: the simulation whose worlds are rendered.
        spec: a fresh copy of its scene; it is changed.
        viewpoint: where the camera stands.
        size: width and height of an image in pixels.
        marker_radius_m: radius of the sphere.

    Raises:
        UserError: if a body carries the camera.
    """

    def __init__(
        self,
        sim: Sim,
        spec: mujoco.MjSpec,
        viewpoint: Viewpoint | FreeViewpoint,
        size: tuple[int, int],
        marker_radius_m: float,
    ) -> None:
        view = viewpoint.resolve(sim.model)
        if view.body:
            raise UserError(
                f"film_view is on body {view.body!r}; a video needs a viewpoint in the world"
            )
        from puckrl.sim.camera import Camera, CameraCfg  # mujoco_warp takes seconds

        width, height = (round(_SUPERSAMPLING * pixels) for pixels in size)
        cfg = CameraCfg(
            width=width,
            height=height,
            viewpoint=view,
            shadows=True,
            depth=True,
            background=BACKDROP,
        )
        self._camera = Camera(sim, film_scene(spec), cfg)
        self._size, self._radius_m = (size[1], size[0]), marker_radius_m

        def constant(value: object) -> Tensor:
            return torch.as_tensor(value, dtype=torch.float32, device=sim.device)

        self._pos, self._axes = constant(view.pos_m), constant(view.rotation())
        self._rays = constant(view.rays(width, height))
        self._focal_px = height / 2.0 / np.tan(np.radians(view.fovy_deg) / 2.0)
        self._backdrop, self._green = constant(BACKDROP), constant(GREEN)
        self._to_light = constant(-_KEY_LIGHT / np.linalg.norm(_KEY_LIGHT))
        distance = np.linalg.norm(np.subtract(view.pos_m, view.look_at_m))
        self._fade_m = (float(_FADE[0] * distance), float(_FADE[1] * distance))
        self._from_stage = self._pos[:2] - constant(view.look_at_m[:2])

    def render(self, marker_pos_m: Tensor) -> Tensor:
        """Render every world, with its marker at (num_worlds, 3).

        Returns:
            A fresh (num_worlds, height, width, 3) uint8.
        """
        rgb, markers = self._camera.render(), marker_pos_m.to(self._pos)
        depth = self._camera.depth_m
        worlds = zip(rgb, depth, markers, strict=True)
        return torch.stack([self._develop(*world) for world in worlds])

    def close(self) -> None:
        """Close the camera; safe to call twice."""
        self._camera.close()

    def _develop(self, rgb: Tensor, depth: Tensor, marker: Tensor) -> Tensor:
        """Fade, paint the marker, average the sub-pixels: (H, W, 3) uint8."""
        image = rgb.float().div_(255.0)
        self._fade(image, depth)
        self._paint_marker(image, depth, marker)
        small = adaptive_avg_pool2d(image.permute(2, 0, 1), self._size)
        return small.mul_(255.0).round_().clamp_(0, 255).byte().permute(1, 2, 0)

    def _fade(self, image: Tensor, depth: Tensor) -> None:
        """Fade the floor into the backdrop with distance from the scene."""
        near, far = self._fade_m
        east = self._rays[..., 0] * depth + self._from_stage[0]
        north = self._rays[..., 1] * depth + self._from_stage[1]
        weight = torch.hypot(east, north).sub_(near).div_(far - near).clamp_(0.0, 1.0)
        weight = weight * weight * (3.0 - 2.0 * weight)
        image.lerp_(self._backdrop, weight[..., None])

    def _paint_marker(self, image: Tensor, depth: Tensor, center: Tensor) -> None:
        """Paint a glass sphere and the pool of light below it, where nothing is nearer."""
        window = self._window(center)
        if window is None:
            return
        image, depth, rays = (x[:, window] for x in (image, depth, self._rays))
        origin = self._pos - center  # the marker is the center of the world from here
        pool = _pool(origin + depth[..., None] * rays, 1.6 * self._radius_m)
        image.lerp_(self._green, 0.55 * pool[..., None])

        near, inside = _sphere(origin, rays, self._radius_m)
        visible = inside & ((near < depth) | (depth == 0.0))
        normal = (origin + near[..., None] * rays) / self._radius_m
        facing = -(normal * rays).sum(-1) / torch.linalg.vector_norm(rays, dim=-1)
        # Glass: the rim, viewed edgewise, is denser than the middle.
        opacity = (0.40 + 0.55 * (1.0 - facing.clamp(0.0, 1.0)) ** 2) * visible
        glint = (normal @ self._to_light).clamp_min(0.0) ** 40
        color = self._green * (0.75 + 0.35 * normal[..., 2:]) + 0.8 * glint[..., None]
        image.lerp_(color.clamp_(0.0, 1.0), opacity[..., None])

    def _window(self, center: Tensor) -> slice | None:
        """Return the columns that marker and pool may touch; None if they are out of view."""
        right, _, back = (self._axes.T @ (center - self._pos)).tolist()
        if back >= -self._radius_m:
            return None
        width = self._rays.shape[1]
        middle = width / 2.0 + self._focal_px * right / -back
        half = self._focal_px * _WINDOW_RADII * self._radius_m / -back
        left, stop = max(0, int(middle - half)), min(width, int(middle + half) + 1)
        return slice(left, stop) if left < stop else None


def _pool(points: Tensor, radius_m: float) -> Tensor:
    """Return a Gaussian around the z axis, on level surfaces below the origin.

    Args:
        points: the point that each pixel shows, relative to the marker, (H, W, 3).
        radius_m: radius at which the brightness has fallen to 1/e.

    Returns:
        (H, W) in [0, 1].
    """
    height = points[..., 2]
    # Neighboring rows show the same height on a level surface; on an upright one
    # they are a pixel apart: millimeters.
    level = height.diff(dim=0, append=height[-1:]).abs() < 2e-4
    spread = points[..., 0] ** 2 + points[..., 1] ** 2
    return torch.exp(-spread / radius_m**2) * (level & (height < 0.0))


def _sphere(origin: Tensor, rays: Tensor, radius_m: float) -> tuple[Tensor, Tensor]:
    """Find where rays from ``origin`` enter a sphere around zero.

    Args:
        origin: start of all rays, (3,).
        rays: directions, (H, W, 3).
        radius_m: radius of the sphere.

    Returns:
        Distance in units of the ray's length, and whether the ray hits at all; (H, W).
    """
    a, b = (rays * rays).sum(-1), rays @ origin
    discriminant = b * b - a * (origin @ origin - radius_m**2)
    return (-b - discriminant.clamp_min(0.0).sqrt()) / a, discriminant > 0.0

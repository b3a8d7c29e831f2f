"""Render many worlds at a time, on every device, with mujoco_warp's ray tracer.

It needs no OpenGL, EGL or display and renders the same image on a laptop and on a GPU.

    Sim.field("geom_xpos"), ("geom_xmat")     poses of the geoms, (num_worlds, ngeom, ...)
    Sim.field("xpos"), ("xmat")               of the body that carries the camera, if any
        -> rows of the requested worlds, float32, split over threads
        -> refit the bounding boxes, trace one ray per pixel and sample
        -> (n, height, width, 3) uint8

The camera takes only these poses from the simulation. Geometry, colors and lights come
from a model of the camera's own, which may look different from the physics model but must
have the same geoms in the same order. ``Camera.appearance`` holds what may differ between
worlds, a row per world.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated

import mujoco
import mujoco_warp
import numpy as np
import torch
import warp
from numpy.typing import NDArray
from torch import Tensor

from puckrl.core.arguments import check_fields
from puckrl.core.errors import UserError
from puckrl.core.settings import COUNT, NON_NEGATIVE, SHARE, Bounds
from puckrl.sim.appearance import MODEL_FIELDS, camera_pose, initial_appearance
from puckrl.sim.backend import Sim
from puckrl.sim.kernels import Streams, put_model, start_warp
from puckrl.sim.poses import bind_poses
from puckrl.sim.scene import compiled
from puckrl.sim.viewpoints import FREE, FreeViewpoint, Vec3, Viewpoint

_NAME = "puckrl"
# The ray tracer compiles the far plane into its kernel. MuJoCo derives it from each
# scene's extent; one value for all saves a compilation per scene.
_FAR_M = 100.0
_GROUPS = Bounds(0, 5, "0 to 5")


@dataclass(frozen=True)
class CameraCfg:
    """Configure a camera; nothing of it can change later."""

    width: Annotated[int, COUNT] = 84
    """Pixels per row."""
    height: Annotated[int, COUNT] = 84
    """Rows."""
    viewpoint: Viewpoint | FreeViewpoint = FREE
    """Where it stands."""
    geom_groups: Annotated[tuple[int, ...], _GROUPS] = (0, 1, 2)
    """Groups of geoms that are visible."""
    shadows: bool = False
    """Render the shadows of lights that cast them."""
    samples_per_axis: Annotated[int, COUNT] = 1
    """Antialiasing: n x n rays per pixel, averaged; costs n x n."""
    textures: bool = False
    """Render textures; without them, materials keep their plain color."""
    depth: bool = False
    """Also fill ``Camera.depth_m``."""
    background: Annotated[Vec3, SHARE] = (0.0, 0.0, 0.0)
    """Color of rays that hit nothing, in [0, 1]."""
    num_threads: Annotated[int, NON_NEGATIVE] = 0
    """CPU threads; 0: as many as torch uses."""
    varied: bool = False
    """Give every world an appearance of its own: ``Camera.appearance``."""


class Camera:
    """Render images of the worlds of a simulation.

    A camera may be built at any time: it leaves the simulation unchanged. Poses are
    those of the simulation's last ``step`` or ``forward``. Lights stand still; so does
    the camera, unless a body carries it.

    On the CPU a camera holds threads until ``close``, or until it is garbage-
    collected.

    Args:
        sim: the simulation whose worlds are rendered.
        spec: the scene to render; the camera is added to it. It must have the geoms of
            ``sim.model``, in the same order.
        cfg: resolution, viewpoint and so on.
        device: where images are rendered and stay; the simulation's if None.

    Raises:
        UserError: for a field of the configuration that is not legal, if the scene has
            other geoms than the simulation, no geom is in a visible group, no body should
            carry the camera, or it has more than mujoco_warp can render.
    """

    appearance: dict[str, Tensor]
    """What may differ between worlds, a row per world; empty unless ``cfg.varied``.

    ============== ==================================================== ==============
    field          meaning                                              shape
    ============== ==================================================== ==============
    geom_rgba      colors of geoms, whatever their materials           (W, ngeom, 4)
    light_ambient  colors of lights, from everywhere                   (W, nlight, 3)
    light_diffuse  from their direction                                 (W, nlight, 3)
    light_specular reflected by shiny geoms                             (W, nlight, 3)
    light_xdir     directions of lights, unit vectors                   (W, nlight, 3)
    cam_pos        position of the camera in its viewpoint's frame      (W, 3)
    cam_mat        its right, up and backward axes, as columns          (W, 3, 3)
    ============== ==================================================== ==============
    """
    depth_m: Tensor
    """Distance along the optical axis in the last images, (n, height, width) float32;
    0 where a ray hit nothing. A live buffer; empty unless ``cfg.depth``."""

    def __init__(
        self,
        sim: Sim,
        spec: mujoco.MjSpec,
        cfg: CameraCfg,
        device: torch.device | None = None,
    ) -> None:
        check_fields(cfg, "CameraCfg.")
        device = device or sim.device
        self.cfg, self.num_worlds, self.device = cfg, sim.num_worlds, device
        view = cfg.viewpoint.resolve(sim.model)
        model = _rendered_model(spec, view)
        if not np.array_equal(model.geom_bodyid, sim.model.geom_bodyid):
            raise UserError(
                f"the scene to render has {model.ngeom} geoms, the simulation "
                f"{sim.model.ngeom}; they must be the same, on the same bodies"
            )
        if not np.isin(model.geom_group, cfg.geom_groups).any():
            raise UserError(
                f"no geom in groups {', '.join(map(str, cfg.geom_groups))}; the scene's "
                f"geoms are in {', '.join(map(str, np.unique(model.geom_group)))}"
            )
        self._geoms, self._carrier = bind_poses(sim, view.body)
        threads = cfg.num_threads or torch.get_num_threads()
        count = min(threads, sim.num_worlds) if device.type == "cpu" else 1
        capacity = -(-sim.num_worlds // count)
        self._streams = Streams(device)
        start_warp()
        with self._streams.shared():
            sizes = dict.fromkeys(MODEL_FIELDS, capacity) if cfg.varied else {}
            shared = put_model(model)
            self._tracers = [
                _Tracer(
                    model,
                    put_model(model, sizes) if cfg.varied else shared,
                    capacity,
                    cfg,
                    view,
                    device,
                )
                for _ in range(count)
            ]
            # One after the other: the first compiles what the others find cached.
            for tracer in self._tracers:
                tracer.trace()
        # A single tracer stays on this thread: on CUDA torch's stream belongs to it
        self._pool = ThreadPoolExecutor(count) if count > 1 else None
        self._closed = False
        pixels = (sim.num_worlds, cfg.height, cfg.width)
        self._rgb = torch.zeros(*pixels, 3, dtype=torch.uint8, device=device)
        self._depth = torch.zeros(pixels if cfg.depth else (0,), device=device)
        self.depth_m = self._depth
        self._pose = camera_pose(view, sim)
        self.appearance = (
            {**initial_appearance(model, sim), **self._pose} if cfg.varied else {}
        )

    def close(self) -> None:
        """Stop the threads; a closed camera renders nothing more. Safe to call twice."""
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown()

    def render(self, worlds: Tensor | None = None) -> Tensor:
        """Render worlds.

        Args:
            worlds: indices of the worlds to render, (n,) int64; all worlds if None.

        Returns:
            (n, height, width, 3) uint8, a live buffer: the next call overwrites it.

        Raises:
            RuntimeError: if the camera is closed.
        """
        if self._closed:
            raise RuntimeError("the camera is closed; build another one")
        count = self.num_worlds if worlds is None else len(worlds)
        share = -(-count // len(self._tracers))
        parts = [
            (tracer, slice(start, min(start + share, count)))
            for tracer, start in zip(
                self._tracers, range(0, count, share or 1), strict=False
            )
        ]
        for tracer, rows in parts:
            tracer.take(self._inputs(rows if worlds is None else worlds[rows]))
        run = map if self._pool is None else self._pool.map
        with self._streams.shared():
            # The pool runs only the tracer: torch's own threads stay out of it.
            list(run(_Tracer.trace, [tracer for tracer, _ in parts]))
        for tracer, rows in parts:
            tracer.copy_rgb(self._rgb[rows])
            if self.cfg.depth:
                tracer.copy_depth(self._depth[rows])
        self.depth_m = self._depth[:count]
        return self._rgb[:count]

    def _inputs(self, worlds: Tensor | slice) -> dict[str, Tensor]:
        """Return everything that differs between worlds or changes with time, (n, ...)."""
        own = {k: rows for k, rows in self.appearance.items() if k not in self._pose}
        inputs = {name: rows[worlds] for name, rows in (self._geoms | own).items()}
        if self.appearance or self._carrier:
            pos, mat = (rows[worlds] for rows in self._pose.values())
            if self._carrier:
                base, turn = (rows[worlds].float() for rows in self._carrier.values())
                turn = turn.view(-1, 3, 3)
                # Sums, not matrix products: on a GPU those may be rounded to TF32.
                pos = base + (turn * pos[:, None]).sum(-1)
                mat = (turn[..., None] * mat[:, None]).sum(-2)
            inputs |= {"cam_xpos": pos, "cam_xmat": mat.flatten(1)}
        return inputs


class _Tracer:
    """Run the ray tracer on one thread, in fixed buffers for up to ``capacity`` worlds.

    The ray tracer takes a whole mujoco_warp.Data but reads only poses, so it gets only
    these.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        renderer: object,
        capacity: int,
        cfg: CameraCfg,
        view: Viewpoint,
        device: torch.device,
    ) -> None:
        self._shape = (cfg.height, cfg.width)
        self._model = renderer
        self._context = mujoco_warp.create_render_context(
            model,
            nworld=capacity,
            cam_res=(cfg.width, cfg.height),
            cam_active=[_NAME],
            render_rgb=True,
            render_depth=cfg.depth,
            render_seg=False,
            use_textures=cfg.textures,
            use_shadows=cfg.shadows,
            enabled_geom_groups=list(cfg.geom_groups),
            samples_per_pixel=cfg.samples_per_axis,
            background_color=(*cfg.background, 1.0),
        )
        fixed = _fixed_poses(model, view)
        poses = {
            name: torch.from_numpy(value).float().to(device).repeat(capacity, 1, 1)
            for name, value in fixed.items()
        }
        camera = model.camera(_NAME).id
        self._live = poses | {
            "cam_xpos": poses["cam_xpos"][:, camera],
            "cam_xmat": poses["cam_xmat"][:, camera],
        }
        if cfg.varied:
            for name in MODEL_FIELDS:
                self._live[name] = warp.to_torch(getattr(renderer, name))
        self._data = SimpleNamespace(
            nworld=capacity,
            flexvert_xpos=warp.zeros((capacity, 0), dtype=warp.vec3),
            **{name: _as_warp(value) for name, value in poses.items()},
        )
        self._rgb = warp.to_torch(self._context.rgb_data).view(torch.uint8)
        self._depth = warp.to_torch(self._context.depth_data)

    def take(self, inputs: dict[str, Tensor]) -> None:
        """Copy poses and appearance of n worlds into the buffers, (n, ...) each."""
        for name, rows in inputs.items():
            self._live[name][: len(rows)].copy_(rows)
        self._data.nworld = len(inputs["geom_xpos"])

    def trace(self) -> None:
        """Trace the worlds of the last ``take``."""
        mujoco_warp.refit_bvh(self._model, self._data, self._context)
        mujoco_warp.render(self._model, self._data, self._context)

    def copy_rgb(self, out: Tensor) -> None:
        """Unpack the image into ``out``, (n, height, width, 3) uint8."""
        # Pixels are 32-bit words 0xAARRGGBB, little-endian: bytes B, G, R, A.
        bgra = self._rgb[: len(out)].view(len(out), *self._shape, 4)
        for channel in range(3):
            out[..., channel].copy_(bgra[..., 2 - channel])

    def copy_depth(self, out: Tensor) -> None:
        """Copy the depth image into ``out``, (n, height, width)."""
        out.copy_(self._depth[: len(out)].view(len(out), *self._shape))


def _rendered_model(spec: mujoco.MjSpec, view: Viewpoint) -> mujoco.MjModel:
    """Return the model to render: the scene with our camera."""
    spec.worldbody.add_camera(name=_NAME, fovy=view.fovy_deg)
    model = compiled(spec, "the task to render")
    model.stat.extent, model.vis.map.zfar = 1.0, _FAR_M
    return model


def _fixed_poses(
    model: mujoco.MjModel, view: Viewpoint
) -> dict[str, NDArray[np.float64]]:
    """Return the poses of the default state and of the camera, (count, 3 or 9) each."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = data.camera(_NAME)
    camera.xpos[:] = view.pos_m
    camera.xmat[:] = view.rotation().reshape(9)
    names = (
        "geom_xpos",
        "geom_xmat",
        "cam_xpos",
        "cam_xmat",
        "light_xpos",
        "light_xdir",
    )
    return {name: getattr(data, name) for name in names}


def _as_warp(poses: Tensor) -> object:
    """View (capacity, count, 3 or 9) as Warp's vectors or matrices."""
    capacity, count, size = poses.shape
    if size == 3:
        return warp.from_torch(poses, dtype=warp.vec3)
    return warp.from_torch(poses.view(capacity, count, 3, 3), dtype=warp.mat33)

"""Measure how much of an image the object covers, and what each layer leaves of it.

Render the scene twice: as it is, and with the object moved out of view. The pixels that
differ belong to the object. A layer whose cells lie j pixels apart
keeps about area / j^2 cells of it; below one cell, the layer may miss the object.
"""

from contextlib import closing
from dataclasses import dataclass

import torch
from torch import Tensor

from puckrl.config.run_cfg import PixelsCfg
from puckrl.envs.goal_env import GoalEnv
from puckrl.nets.layers import EncoderCfg, layer_table
from puckrl.sim.scene import seen_body
from puckrl.sim.viewpoints import viewpoint

_FAR_M = 50.0
_DIFFERENCE = 8  # of 255


@dataclass(frozen=True)
class Footprint:
    """Say what one viewpoint shows of the object; medians over worlds."""

    viewpoint: str
    """Name of the viewpoint."""
    pixels: float
    """Pixels that the object covers in the input image."""
    seen_share: float
    """Share of worlds in which it covers at least one pixel."""
    layers: tuple[tuple[str, str, float], ...]
    """Layer, shape of its map, and cells of the map that the object covers."""


def footprints(env: GoalEnv, cfg: PixelsCfg, encoder: EncoderCfg) -> list[Footprint]:
    """Reset ``env`` and return what every viewpoint shows of the object in its worlds.

    The list is empty for a task without an object.
    """
    body = seen_body(env.sim.model, env.task.seen_body)
    if body is None:
        return []
    env.reset()
    return [_footprint(env, cfg, name, encoder, body) for name in cfg.viewpoints]


def _footprint(
    env: GoalEnv, cfg: PixelsCfg, name: str, encoder: EncoderCfg, body: int
) -> Footprint:
    """Render with and without the object, then put it back."""
    from puckrl.sim.camera import Camera, CameraCfg  # mujoco_warp takes seconds

    view = viewpoint(name, env.task.viewpoints)
    size = CameraCfg(width=cfg.width, height=cfg.height, viewpoint=view)
    with closing(Camera(env.sim, env.task.scene(), size)) as camera:
        with_object = camera.render().clone()
        pos = env.sim.field("geom_xpos")
        owner = torch.as_tensor(env.sim.model.geom_bodyid) == body
        before = pos.clone()
        pos[:, owner] -= _FAR_M
        without = camera.render().clone()
        pos.copy_(before)
    area = _area(with_object, without)
    pixels = float(area.median())
    rows = layer_table(encoder, cfg.height, cfg.width)
    return Footprint(
        viewpoint=name,
        pixels=pixels,
        seen_share=float((area > 0).float().mean()),
        layers=tuple(
            (
                row.name,
                f"{row.channels} x {row.height} x {row.width}",
                pixels / row.jump_px**2,
            )
            for row in rows
        ),
    )


def _area(one: Tensor, other: Tensor) -> Tensor:
    """Return the number of pixels that differ between two images, (n,)."""
    apart = (one.short() - other.short()).abs().amax(dim=-1) > _DIFFERENCE
    return apart.flatten(1).sum(dim=1).float()

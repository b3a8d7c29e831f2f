"""Randomize the domain: every episode has an appearance of its own.

A reset draws colors, lights and camera poses from the world's own counter-based stream:
world 7 looks the same beside 8 worlds or 8,000.

Source: Tobin et al. (2017), "Domain randomization for transferring deep neural networks
from simulation to the real world", section III.A.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from puckrl.core.rng import Draws
from puckrl.sim.settings import RandomizeCfg

if TYPE_CHECKING:  # it imports mujoco_warp, which takes seconds
    from puckrl.sim.camera import Camera

_LIGHTS = ("light_ambient", "light_diffuse", "light_specular")


class Randomizer:
    """Draw a new appearance for worlds that begin an episode.

    All cameras of a world show the same colors and lights; each has a pose of its own.

    Args:
        cfg: the range of randomization.
        cameras: they must be ``varied`` if the configuration changes anything.
    """

    def __init__(self, cfg: RandomizeCfg, cameras: "Sequence[Camera]") -> None:
        self._cfg, self._cameras = cfg, cameras
        # every row is the same at first
        self._plain = [
            {name: rows[:1].clone() for name, rows in camera.appearance.items()}
            for camera in cameras
        ]

    def __call__(self, worlds: Tensor, draws: Draws) -> None:
        """Draw the appearance of ``worlds``, (n,)."""
        if not self._cfg.on:
            return
        shared = self._colors(draws) | self._lights(draws)
        for camera, plain in zip(self._cameras, self._plain, strict=True):
            pose = self._pose(plain, draws)
            for name, rows in (shared | pose).items():
                live = camera.appearance[name]
                live[worlds] = rows.to(live)

    def _colors(self, draws: Draws) -> dict[str, Tensor]:
        """Mix the colors of geoms with random ones."""
        plain = self._plain[0]["geom_rgba"].double()
        fresh = draws.uniform(0.0, 1.0, plain.shape[1], 3)
        share = draws.uniform(0.0, self._cfg.colors, plain.shape[1], 1)
        rgb = plain[..., :3].lerp(fresh, share)
        return {"geom_rgba": torch.cat([rgb, plain[..., 3:].expand_as(share)], dim=-1)}

    def _lights(self, draws: Draws) -> dict[str, Tensor]:
        """Draw the strength and the direction of lights."""
        plain = self._plain[0]
        count = plain["light_xdir"].shape[1]
        spread = self._cfg.brightness
        gain = draws.uniform(1.0 - spread, 1.0 + spread, count, 1)
        turn = _rotations(draws, self._cfg.light_deg, count)
        towards = (turn * plain["light_xdir"].double()[:, :, None]).sum(-1)
        return {name: plain[name] * gain for name in _LIGHTS} | {"light_xdir": towards}

    def _pose(self, plain: dict[str, Tensor], draws: Draws) -> dict[str, Tensor]:
        """Draw the position and the rotation of a camera."""
        far = self._cfg.camera_m
        turn = _rotations(draws, self._cfg.camera_deg, 1)[:, 0]
        return {
            "cam_pos": plain["cam_pos"] + draws.uniform(-far, far, 3),
            "cam_mat": turn @ plain["cam_mat"].double(),
        }


def _rotations(draws: Draws, half_side_deg: float, count: int) -> Tensor:
    """Draw rotations whose vector lies in a cube of this half side, (n, count, 3, 3)."""
    half = math.radians(half_side_deg)
    x, y, z = draws.uniform(-half, half, count, 3).unbind(-1)
    zero = torch.zeros_like(x)
    rows = ((zero, -z, y), (z, zero, -x), (-y, x, zero))
    skew = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    return torch.linalg.matrix_exp(skew)

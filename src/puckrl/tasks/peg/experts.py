"""Script peg insertion: with the socket known, and by a spiral search without it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from puckrl.core.types import Obs

_GAIN_PER_M, _BRAKE_S_PER_M = 100.0, 4.0
_HOVER_M = 0.004
_ALIGNED_M = 0.00004
_INSIDE_M = -0.001
_DOWN = -0.5
_FRICTION = 0.7
_ABOVE_M = 0.0015
_PUSHED_STEPS, _STANDS_M_S = 4, 0.004


def insert(obs: Obs) -> Tensor:
    """Return actions that align the peg above the true socket and push it in.

    Args:
        obs: ``state`` (n, 31) and ``achieved_goal`` (n, 3).

    Returns:
        (n, 3), in [-1, 1].
    """
    return _towards(obs, obs["achieved_goal"], _ALIGNED_M)


def _towards(obs: Obs, tip: Tensor, aligned_m: float) -> Tensor:
    """Return actions for a tip at ``tip``, (n, 3) m from the socket."""
    aside = torch.linalg.vector_norm(tip[:, :2], dim=1)
    down = (aside < aligned_m) | (tip[:, 2] < _INSIDE_M)
    lift = _servo(_HOVER_M - tip[:, 2:], obs["state"][:, 9:10])
    sideways = _servo(-tip[:, :2], obs["state"][:, 7:9])
    vertical = torch.where(down[:, None], _DOWN, lift)
    return torch.cat([sideways, vertical], dim=1).clamp(-1.0, 1.0)


def _servo(error_m: Tensor, velocity: Tensor) -> Tensor:
    """Return a damped proportional action, of the shape of its arguments."""
    return _GAIN_PER_M * error_m - _BRAKE_S_PER_M * velocity


@dataclass(frozen=True)
class SpiralCfg:
    """Shape of the search."""

    pitch_m: float = 0.0008
    """Distance between two turns of the spiral."""
    speed_m: float = 0.0015
    """Way of a control step along the spiral."""
    push: float = 0.3
    """Share of the largest force that presses the peg onto the surface."""
    inside_m: float = 0.001
    """Depth below the surface from which on the peg is in the hole."""


_SPIRAL = SpiralCfg()


class SpiralSearch:
    """Search for the hole without its true place; a ``core.policy.Policy``.

    The peg goes above the estimated socket, presses on the surface and slides along an
    Archimedean spiral until it drops. Only ``proprio`` is read, which refers to the
    estimate, never ``socket``, ``achieved_goal`` or ``touch``.

    Source: Chhatpar and Branicky (2001), "Search strategies for peg-in-hole assemblies
    with position uncertainty".

    Args:
        device: of observations and actions.
        cfg: shape of the search.
    """

    def __init__(self, device: torch.device, cfg: SpiralCfg = _SPIRAL) -> None:
        self.device, self._cfg = device, cfg
        self._steps = self._way_m = self._surface_m = torch.zeros(0, device=device)

    def reset(self, done: Tensor) -> None:
        """Begin at the middle where an episode is over, (n,) bool."""
        if len(self._way_m) != len(done):
            self._steps = torch.zeros(len(done), device=self.device)
            self._way_m = self._surface_m = self._steps
        self._steps = torch.where(done, 0.0, self._steps)
        self._way_m = torch.where(done, 0.0, self._way_m)
        # no surface is known: any height is above it
        self._surface_m = torch.where(done, -torch.inf, self._surface_m)

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Return actions, (n, 3); there is no exploration."""
        cfg, state = self._cfg, obs["state"]
        tip, velocity = state[:, :3], state[:, 7:10]
        self._feel(tip, velocity)
        sliding = self._surface_m > -torch.inf
        self._way_m = self._way_m + cfg.speed_m * sliding
        target, ahead = spiral_m(self._way_m, cfg.pitch_m)
        aside = target - tip[:, :2]
        sideways = _servo(aside, velocity[:, :2])
        # friction takes this share of the force, along the way
        sideways = sideways + cfg.push * _FRICTION * ahead * sliding[:, None]
        inside = tip[:, 2] < self._surface_m - cfg.inside_m
        above = torch.linalg.vector_norm(aside, dim=1) < _ABOVE_M
        down = torch.where(sliding | above, -cfg.push, 0.0)
        sideways = torch.where(inside[:, None], 0.0, sideways)
        down = torch.where(inside, _DOWN, down)
        return torch.cat([sideways, down[:, None]], dim=1).clamp(-1.0, 1.0)

    def _feel(self, tip: Tensor, velocity: Tensor) -> None:
        """Take the height at which a peg that is pushed down stands still as the surface."""
        aside = torch.linalg.vector_norm(tip[:, :2], dim=1)
        pushed = (aside < _ABOVE_M) & (self._surface_m == -torch.inf)
        self._steps = torch.where(pushed, self._steps + 1.0, self._steps)
        stands = (
            pushed & (self._steps > _PUSHED_STEPS) & (velocity[:, 2] > -_STANDS_M_S)
        )
        self._surface_m = torch.where(stands, tip[:, 2], self._surface_m)


def spiral_m(way_m: Tensor, pitch_m: float) -> tuple[Tensor, Tensor]:
    """Return points of an Archimedean spiral and unit tangents there, (n,) -> (n, 2) each.

    Args:
        way_m: length of the spiral up to the point, to within half a turn's length.
        pitch_m: distance between two turns.
    """
    angle = (4.0 * math.pi * way_m / pitch_m).sqrt()
    radius = (pitch_m * angle / (2.0 * math.pi))[:, None]
    outward = torch.stack([angle.cos(), angle.sin()], dim=1)
    around = torch.stack([-angle.sin(), angle.cos()], dim=1)
    tangent = outward + angle[:, None] * around
    return radius * outward, torch.nn.functional.normalize(tangent, dim=1)

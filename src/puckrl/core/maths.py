"""Provide formulas that more than one floor needs."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

_GIMBAL_EPS = 4.0 * torch.finfo(torch.float64).eps


class Interval(NamedTuple):
    """A closed interval."""

    low: float
    high: float


def wilson_interval(successes: int, trials: int, z: float = 1.959964) -> Interval:
    """Return the Wilson score interval of a success rate, 95 % by default.

    Source: Wilson (1927), "Probable inference, the law of succession, and
    statistical inference", JASA 22.

    Raises:
        ValueError: unless 0 <= successes <= trials and trials > 0.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} successes of {trials} trials")
    rate, z2 = successes / trials, z * z
    center = rate + z2 / (2 * trials)
    spread = z * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    return Interval(
        max(0.0, (center - spread) / scale), min(1.0, (center + spread) / scale)
    )


def matrix_to_euler(mat: Tensor) -> Tensor:
    """Return Euler angles in rad, (..., 3), of rotation matrices, (..., 3, 3).

    The convention, and its branch at the pole, is that of gymnasium-robotics'
    ``rotations.mat2euler``, so that the object's rotation matches.
    """
    cy = torch.sqrt(mat[..., 2, 2] ** 2 + mat[..., 1, 2] ** 2)
    regular = cy > _GIMBAL_EPS
    z = torch.where(
        regular,
        -torch.atan2(mat[..., 0, 1], mat[..., 0, 0]),
        -torch.atan2(-mat[..., 1, 0], mat[..., 1, 1]),
    )
    y = -torch.atan2(-mat[..., 0, 2], cy)
    x = torch.where(
        regular, -torch.atan2(mat[..., 1, 2], mat[..., 2, 2]), torch.zeros_like(cy)
    )
    return torch.stack([x, y, z], dim=-1)

"""Provide formulas that more than one floor needs."""

import torch
from torch import Tensor

_GIMBAL_EPS = 4.0 * torch.finfo(torch.float64).eps


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

"""Compute pose and velocity of the peg's tip from joints: nothing lags a substep.

The hand has slides x, y, z and, at the wrist, hinges roll (about x) and pitch (about the
rolled y); the tip lies a fixed length below the wrist.
"""

import torch
from torch import Tensor


class Pose:
    """Read the tip of every world.

    Args:
        qpos: x, y, z of the wrist in m, roll and pitch in rad, (num_worlds, 5), live.
        qvel: their velocities, (num_worlds, 5), live.
        length_m: from the wrist down to the tip.
    """

    def __init__(self, qpos: Tensor, qvel: Tensor, length_m: float) -> None:
        self._qpos, self._qvel, self._length_m = qpos, qvel, length_m

    def _down(self) -> Tensor:
        """Return the way from the wrist to the tip, (num_worlds, 3) m."""
        roll, pitch = self._qpos[:, 3], self._qpos[:, 4]
        x = -pitch.sin()
        y, z = pitch.cos() * roll.sin(), -pitch.cos() * roll.cos()
        return self._length_m * torch.stack([x, y, z], dim=1)

    def tip_m(self) -> Tensor:
        """Return the position of the tip in the world, (num_worlds, 3)."""
        return self._qpos[:, :3] + self._down()

    def angular_velocity(self) -> Tensor:
        """Return the angular velocity in the world, (num_worlds, 3) rad/s."""
        roll, rates = self._qpos[:, 3], self._qvel[:, 3:5]
        return torch.stack(
            [rates[:, 0], rates[:, 1] * roll.cos(), rates[:, 1] * roll.sin()], dim=1
        )

    def tip_velocity(self, spin: Tensor) -> Tensor:
        """Return the velocity of the tip, (num_worlds, 3) m/s.

        Args:
            spin: the angular velocity, (num_worlds, 3).
        """
        return self._qvel[:, :3] + torch.linalg.cross(spin, self._down())

    def quaternion(self, tilt_error: Tensor) -> Tensor:
        """Return the orientation w x y z, (num_worlds, 4).

        Args:
            tilt_error: added to roll and pitch, (num_worlds, 2) rad.
        """
        half = (self._qpos[:, 3:5] + tilt_error) / 2.0
        (sin_r, sin_p), (cos_r, cos_p) = half.sin().unbind(1), half.cos().unbind(1)
        return torch.stack(
            [cos_r * cos_p, sin_r * cos_p, cos_r * sin_p, sin_r * sin_p], dim=1
        )

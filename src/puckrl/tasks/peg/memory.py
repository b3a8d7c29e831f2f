"""Keep what an episode remembers in the simulation, where snapshots find it.

Behind the three forces, ``ctrl`` has entries whose actuators do nothing:

    0:3    smoothed action, in [-1, 1]
    3:8    smoothed measurements of force and torque at the wrist, N and Nm
    8      largest contact force so far, N
    9      sum of the mean contact forces of the steps so far, N
    10     steps since the protective stop; 0: none
    11     key of the measurement noise, a multiple of 2^-24 in [0, 1)
"""

import torch
from torch import Tensor

from puckrl.core.rng import Draws
from puckrl.sim.backend import Sim
from puckrl.tasks.peg.scene import SUBSTEPS, TIMESTEP_S

_FIRST = 3
_KEYS = 2**24  # exact in float32
_NOISE_SEED = 7


class Memory:
    """Read and write the memory of every world.

    Args:
        sim: the simulation of a ``peg_scene``.
    """

    def __init__(self, sim: Sim) -> None:
        own = sim.field("ctrl")[:, _FIRST:]
        self._time_s = sim.field("time")
        self.action = own[:, 0:3]
        """Smoothed action, (num_worlds, 3); a live view, as all others."""
        self.wrench = own[:, 3:8]
        """Smoothed force and torque, (num_worlds, 5)."""
        self.peak_n = own[:, 8]
        """Largest contact force so far, (num_worlds,)."""
        self.sum_n = own[:, 9]
        """Sum of the mean contact forces of the steps, (num_worlds,)."""
        self.stopped = own[:, 10]
        """Steps since the protective stop, (num_worlds,)."""
        self._key = own[:, 11]

    def begin(self, worlds: Tensor, draws: Draws) -> None:
        """Draw the noise key of new episodes; ``Sim.reset`` has cleared everything else."""
        key = (draws.uniform(0.0, 1.0, 1)[:, 0] * _KEYS).floor() / _KEYS
        self._key[worlds] = key.to(self._key)

    def steps(self) -> Tensor:
        """Return the control steps of the episode so far, (num_worlds,)."""
        return (self._time_s / (TIMESTEP_S * SUBSTEPS)).round().reshape(-1)

    def noise(self, count: int) -> Tensor:
        """Return the standard normal numbers of this step, (num_worlds, count).

        They are a function of key and step: a second call returns the same.
        """
        keys, steps = (self._key.double() * _KEYS).long(), self.steps().long()
        return Draws(_NOISE_SEED, keys, steps).normal(count).to(self._key)

    def mean_n(self) -> Tensor:
        """Return the mean contact force of the episode so far, (num_worlds,)."""
        return self.sum_n / self.steps().clamp(min=1.0)

    def smooth_action(self, action: Tensor, weight: float) -> None:
        """Move the smoothed action towards (num_worlds, 3) by ``weight``."""
        self.action.lerp_(action.to(self.action), weight)

    def smooth_wrench(self, wrench: Tensor, weight: float) -> None:
        """Move the smoothed force and torque towards (num_worlds, 5) by ``weight``."""
        self.wrench.lerp_(wrench, weight)

    def add_forces(self, norms_n: Tensor) -> None:
        """Add the contact forces that were sampled in a step, (samples, num_worlds)."""
        torch.maximum(self.peak_n, norms_n.amax(dim=0), out=self.peak_n)
        self.sum_n += norms_n.mean(dim=0)

    def stop(self, limit_n: float) -> None:
        """Count the steps since the force first exceeded the limit."""
        over = (self.stopped > 0) | (self.peak_n > limit_n)
        self.stopped += over.to(self.stopped)

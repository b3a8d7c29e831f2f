"""An exported network as a policy that the judge can play, many worlds at a time."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from puckrl.core.spec import PolicySpec
from puckrl.core.types import Obs
from puckrl.deploy.emit import MEMORY, Limits
from puckrl.deploy.runtime import make_session, run


class ExportedPolicy:
    """Acts with onnxruntime in the worlds of a task; a ``core.policy.Policy``.

    Args:
        model: the ONNX file's bytes.
        spec: the run's contract, with factors to SI.
        memory_size: length of the recurrent state; 0: none.
    """

    def __init__(self, model: bytes, spec: PolicySpec, memory_size: int) -> None:
        self._session = make_session(model)
        self._spec, self._size = spec, memory_size
        self._scale = Limits.of(spec).scale
        self.device = torch.device("cpu")
        self.memory = np.zeros((0, memory_size), np.float32)
        """State of every world, (B, memory_size); no rows before the first step."""

    def act(self, obs: Obs, *, explore: bool = False) -> Tensor:
        """Return actions for B worlds, (B, A) float32 in [-1, 1], as the task takes them."""
        return torch.from_numpy(self.physical(measured(self._spec, obs)) / self._scale)

    def physical(self, feed: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Return actions in physical units, (B, A), for sensors in SI units."""
        if not self._size:
            return run(self._session, feed)[0]
        worlds = len(next(iter(feed.values())))
        if not len(self.memory):
            self.memory = np.zeros((worlds, self._size), np.float32)
        action, self.memory = run(self._session, {**feed, MEMORY: self.memory})
        return action

    def reset(self, done: Tensor) -> None:
        """Forget the worlds whose episode is over, (B,) bool."""
        if bool(done.all()):
            self.memory = self.memory[:0]
        elif len(self.memory):
            self.memory = np.where(done.numpy()[:, None], np.float32(0), self.memory)


def measured(spec: PolicySpec, obs: Obs) -> dict[str, NDArray[Any]]:
    """Return what sensors in SI units would measure, by name, (B, ...) each.

    Args:
        spec: the run's contract, with factors to SI.
        obs: observations of the task, (B, ...) each.
    """
    found: dict[str, NDArray[Any]] = {}
    for one in spec.inputs:
        if one.name in spec.sensors:
            value = obs["state"][:, list(spec.sensors[one.name])]
        else:
            value = obs[one.name]
        array = value.cpu().numpy()
        factors = np.array([column.per_si for column in one.columns])
        if one.columns and (factors != 1.0).any():
            array = array / factors
        found[one.name] = np.ascontiguousarray(array, np.dtype(one.dtype))
    return found

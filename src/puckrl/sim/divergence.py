"""What happens to a world whose physics failed, before it is reset."""

import logging
from pathlib import Path
from typing import Protocol

from safetensors.torch import save_file
from torch import Tensor

from puckrl.sim.backend import Sim

log = logging.getLogger(__name__)

_FIELDS = ("qpos", "qvel", "ctrl", "mocap_pos", "mocap_quat")


class Guard(Protocol):
    """Told of worlds that failed."""

    def __call__(self, sim: Sim, worlds: Tensor) -> None:
        """``worlds``: indices of the failed worlds, (n,) int64."""
        ...


def ignore(sim: Sim, worlds: Tensor) -> None:
    """Leave no trace; the environment resets and counts the worlds all the same."""


class StateDump:
    """Writes the state of failed worlds to files, so that the failure can be studied.

    Args:
        folder: for the files; made when the first world fails.
        most: files written at most; a broken task must not fill the disk.
    """

    def __init__(self, folder: Path, most: int = 20) -> None:
        self.folder, self.most = folder, most

    def __call__(self, sim: Sim, worlds: Tensor) -> None:
        """One safetensors file with the state of these worlds."""
        self.folder.mkdir(parents=True, exist_ok=True)
        number = len(list(self.folder.iterdir())) + 1
        if number > self.most:
            return
        state = {name: sim.field(name)[worlds].contiguous() for name in _FIELDS}
        path = self.folder / f"{number:03d}.safetensors"
        save_file({**state, "worlds": worlds.contiguous()}, str(path))
        log.warning(
            "worlds whose physics failed and that begin anew: %d (%s); see %s",
            len(worlds),
            sim.failure(worlds),
            path,
        )

"""Handle worlds whose physics failed, before they are reset."""

import logging
from pathlib import Path
from typing import Protocol

from safetensors.torch import save_file
from torch import Tensor

from puckrl.sim.backend import Sim

log = logging.getLogger(__name__)

_FIELDS = ("qpos", "qvel", "ctrl", "mocap_pos", "mocap_quat")


class Guard(Protocol):
    """Handle worlds that failed; the environment calls it before it resets them."""

    def __call__(self, sim: Sim, worlds: Tensor) -> None:
        """Handle ``worlds``, the indices of the failed worlds, (n,) int64."""
        ...


def ignore(sim: Sim, worlds: Tensor) -> None:
    """Do nothing; the environment still resets and counts the worlds."""


class StateDump:
    """Write the state of failed worlds to files, so that the failure can be studied.

    Args:
        folder: for the files; made when the first world fails.
        max_files: maximum number of files; a broken task must not fill the disk.
    """

    def __init__(self, folder: Path, max_files: int = 20) -> None:
        self.folder, self.max_files = folder, max_files

    def __call__(self, sim: Sim, worlds: Tensor) -> None:
        """Write one safetensors file with the state of these worlds."""
        self.folder.mkdir(parents=True, exist_ok=True)
        number = len(list(self.folder.iterdir())) + 1
        if number > self.max_files:
            return
        state = {name: sim.field(name)[worlds].contiguous() for name in _FIELDS}
        path = self.folder / f"{number:03d}.safetensors"
        save_file({**state, "worlds": worlds.contiguous()}, str(path))
        log.warning(
            "physics failed in %d worlds (%s), which are reset; their state is in %s",
            len(worlds),
            sim.failure(worlds),
            path,
        )

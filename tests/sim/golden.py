"""Small golden images: what each viewpoint shows of a pushing scene.

A change that is meant to move them regenerates them and says so in the changelog:

    python -m tests.sim.golden
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from puckrl.core.rng import Draws
from puckrl.sim.camera import Camera, CameraCfg
from puckrl.sim.cpu import CpuSim
from puckrl.tasks.fetch.push import FetchPush
from puckrl.tasks.fetch.viewpoints import VIEWPOINTS

PATH = Path(__file__).parent.parent / "golden" / "viewpoints.npz"
_SIZE = 32


def image(name: str) -> NDArray[np.uint8]:
    """The first reset of seed 0 from a viewpoint, (32, 32, 3)."""
    task, world = FetchPush(), torch.zeros(1, dtype=torch.int64)
    sim = CpuSim(task.scene().compile(), 1, num_threads=1)
    task.bind(sim)
    task.reset(world, Draws(0, world, torch.zeros_like(world)))
    cfg = CameraCfg(width=_SIZE, height=_SIZE, viewpoint=VIEWPOINTS[name])
    return Camera(sim, task.scene(), cfg).render()[0].numpy()


if __name__ == "__main__":
    images = {name: image(name) for name in VIEWPOINTS}
    with PATH.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **images)

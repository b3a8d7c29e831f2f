"""What cameras add to an observation.

    frame    newest pictures only, (W, height, width, channels) uint8   for the replay
    pixels   the stack, (W, stack channels, height, width) uint8        for the policy

Several cameras lie side by side in the channels. Pictures show the poses that the
rest of the observation describes: those of the last ``forward`` or, in tasks that do
not call it after a step, of the last substep but one, like every site position.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from puckrl.core.rng import Draws
from puckrl.core.types import Obs, PixelSpace
from puckrl.envs.stack import FrameStack
from puckrl.sim.randomize import Randomiser, RandomizeCfg

if TYPE_CHECKING:  # it imports mujoco_warp, which takes seconds
    from puckrl.sim.camera import Camera

PLAIN = RandomizeCfg()


class Cameras:
    """Cameras of equal size and the memory of their last frames.

    Args:
        cameras: at least one.
        stack: frames that are seen together.
        randomize: how looks change from episode to episode.
    """

    def __init__(
        self,
        cameras: "Sequence[Camera]",
        stack: int,
        randomize: RandomizeCfg = PLAIN,
    ) -> None:
        self._cameras = cameras
        self._randomize = Randomiser(randomize, cameras)
        first, cfg = cameras[0], cameras[0].cfg
        self.space: PixelSpace | None = PixelSpace(
            cfg.height, cfg.width, 3 * len(cameras), stack
        )
        """What is seen."""
        shape = (cfg.height, cfg.width, 3 * len(cameras))
        self._stack = FrameStack(
            first.num_worlds, shape, stack, torch.uint8, first.device
        )

    def begin(self, worlds: Tensor, draws: Draws) -> None:
        """New looks and first pictures of episodes that begin in ``worlds``, (n,)."""
        self._randomize(worlds, draws)
        self._stack.reset(worlds, self._shoot(worlds))

    def advance(self) -> None:
        """The next picture of every world."""
        self._stack.push(self._shoot(None))

    def _shoot(self, worlds: Tensor | None) -> Tensor:
        """Pictures of some worlds, (n, height, width, channels)."""
        return torch.cat([camera.render(worlds) for camera in self._cameras], dim=-1)

    def observe(self) -> Obs:
        """Newest frames and stacks; copies."""
        return {
            "frame": self._stack.newest,
            "pixels": self._stack.stacked.permute(0, 3, 1, 2),
        }

    def snapshot(self) -> dict[str, Tensor]:
        """The remembered frames and present looks, for a checkpoint."""
        looks = {name: rows.clone() for name, rows in self._looks().items()}
        return {"frames": self._stack.frames.clone(), **looks}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Put back what ``snapshot`` returned."""
        self._stack.frames.copy_(snapshot["frames"])
        for name, rows in self._looks().items():
            rows.copy_(snapshot[name])

    def _looks(self) -> Obs:
        """What changes from world to world, live, by names of a checkpoint."""
        return {
            f"looks.{index}.{name}": rows
            for index, camera in enumerate(self._cameras)
            for name, rows in camera.looks.items()
        }


class NoCameras:
    """A robot without cameras."""

    space: PixelSpace | None = None

    def begin(self, worlds: Tensor, draws: Draws) -> None:
        """Nothing to see."""

    def advance(self) -> None:
        """Nothing to see."""

    def observe(self) -> Obs:
        """Nothing."""
        return {}

    def snapshot(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Nothing."""

"""Add camera images to an observation.

    frame    newest images only, (W, height, width, channels) uint8     for the replay
    pixels   the stack, (W, stack channels, height, width) uint8        for the policy

Several cameras lie side by side in the channels. Images show the poses that the rest of
the observation describes: those of the last ``forward`` or, in tasks that do not call it
after a step, of the last substep but one, like every site position.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from puckrl.core.rng import Draws
from puckrl.core.types import Obs, PixelSpace
from puckrl.envs.stack import FrameStack
from puckrl.sim.randomize import Randomizer
from puckrl.sim.settings import RandomizeCfg

if TYPE_CHECKING:  # it imports mujoco_warp, which takes seconds
    from puckrl.sim.camera import Camera

PLAIN = RandomizeCfg()


class Cameras:
    """Render with cameras of equal size, and keep their last frames.

    Args:
        cameras: at least one.
        stack: frames of a stack.
        randomize: how the appearance changes from episode to episode.
    """

    def __init__(
        self,
        cameras: "Sequence[Camera]",
        stack: int,
        randomize: RandomizeCfg = PLAIN,
    ) -> None:
        self._cameras = cameras
        self._randomize = Randomizer(randomize, cameras)
        first, cfg = cameras[0], cameras[0].cfg
        self.device = first.device
        self.space: PixelSpace | None = PixelSpace(
            cfg.height, cfg.width, 3 * len(cameras), stack
        )
        """Size of the images."""
        shape = (cfg.height, cfg.width, 3 * len(cameras))
        self._stack = FrameStack(
            first.num_worlds, shape, stack, torch.uint8, first.device
        )

    def begin(self, worlds: Tensor, draws: Draws) -> None:
        """Draw the appearance and render the first frame of new episodes in ``worlds``.

        Args:
            worlds: indices of the worlds that begin an episode, (n,) int64.
            draws: their random numbers.
        """
        self._randomize(worlds, draws)
        self._stack.reset(worlds, self.render(worlds))

    def advance(self) -> None:
        """Render the next frame of every world."""
        self._stack.push(self.render(None))

    def close(self) -> None:
        """Close every camera; safe to call twice."""
        for camera in self._cameras:
            camera.close()

    def render(self, worlds: Tensor | None) -> Tensor:
        """Render some worlds (all: None), (n, height, width, channels) uint8."""
        return torch.cat([camera.render(worlds) for camera in self._cameras], dim=-1)

    def observe(self) -> Obs:
        """Return copies of the newest frames and of the stacks."""
        return {
            "frame": self._stack.newest,
            "pixels": self._stack.stacked.permute(0, 3, 1, 2),
        }

    def snapshot(self) -> dict[str, Tensor]:
        """Return copies of the stacked frames and of the appearance, for a checkpoint."""
        appearance = {name: rows.clone() for name, rows in self._appearance().items()}
        return {"frames": self._stack.frames.clone(), **appearance}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Go back to a snapshot."""
        self._stack.frames.copy_(snapshot["frames"])
        for name, rows in self._appearance().items():
            rows.copy_(snapshot[name])

    def _appearance(self) -> dict[str, Tensor]:
        """Return the live appearance of every camera by its name in a checkpoint."""
        return {
            f"appearance.{index}.{name}": rows
            for index, camera in enumerate(self._cameras)
            for name, rows in camera.appearance.items()
        }


class NoCameras:
    """Stand in for the cameras of a robot that has none."""

    space: PixelSpace | None = None

    def begin(self, worlds: Tensor, draws: Draws) -> None:
        """Do nothing."""

    def advance(self) -> None:
        """Do nothing."""

    def observe(self) -> Obs:
        """Return nothing."""
        return {}

    def snapshot(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

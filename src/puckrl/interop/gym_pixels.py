"""Offer the tasks as Gymnasium environments with camera images.

    import gymnasium
    import puckrl.interop.gym  # registers these ids, too

    env = gymnasium.make("puck/FetchPushPixels-v4", height=64, width=64, stack=3)

The observation of one world:

    pixels          stack * 3 * cameras, height, width    uint8, channels first
    proprio         10                                    float64, the robot's own joints
    achieved_goal   3                                     float64, m
    desired_goal    3                                     float64, m

The channels hold the frames of a stack, the oldest first; within a frame the cameras; of
each camera red, green and blue. A fresh episode repeats its first frame. Only pixels and
achieved_goal show where the object is. Hindsight needs achieved_goal; no real robot
measures it, so a policy that is to leave the simulator must not observe it.

Stable-Baselines3 takes the smallest side of an image for its channels and transposes the
image accordingly: keep stack * 3 * cameras no larger than height and width.
"""

from collections.abc import Sequence
from typing import Any

from puckrl.config.run_cfg import PixelsCfg
from puckrl.core.errors import UserError
from puckrl.interop.gym import PuckEnv, PuckVectorEnv
from puckrl.tasks.task import RewardKind


class PixelEnv(PuckEnv):
    """Step one world of a task and observe it through cameras.

    Args:
        task: name of the task, or ``path/to/file.py:ClassName``.
        reward: sparse or dense.
        render_mode: ``"rgb_array"`` or None; ``render`` returns 480 x 480 for people.
        height: rows of an image.
        width: pixels per row.
        viewpoints: where the cameras stand, one name or several; None: the task's first
            viewpoint, or ``free`` if it has none.
        stack: frames of a stack.

    Raises:
        UserError: for an unknown viewpoint, or sizes below 1.
    """

    def __init__(
        self,
        task: str = "push",
        reward: RewardKind = "sparse",
        render_mode: str | None = None,
        height: int = 84,
        width: int = 84,
        viewpoints: str | Sequence[str] | None = None,
        stack: int = 3,
    ) -> None:
        pixels = _pixels(height, width, viewpoints, stack)
        self.stack = stack
        super().__init__(task, reward, render_mode, pixels=pixels)


class PixelVectorEnv(PuckVectorEnv):
    """Step many worlds of a task together and observe them through cameras.

    Args:
        num_envs: worlds.
        height: rows of an image.
        width: pixels per row.
        viewpoints: where the cameras stand, one name or several; None: the task's first
            viewpoint, or ``free`` if it has none.
        stack: frames of a stack.
        options: options of ``PuckVectorEnv``.

    Raises:
        UserError: for an unknown viewpoint, or sizes below 1.
    """

    def __init__(
        self,
        num_envs: int = 1,
        height: int = 84,
        width: int = 84,
        viewpoints: str | Sequence[str] | None = None,
        stack: int = 3,
        **options: Any,
    ) -> None:
        pixels = _pixels(height, width, viewpoints, stack)
        super().__init__(num_envs, pixels=pixels, **options)


def _pixels(
    height: int, width: int, viewpoints: str | Sequence[str] | None, stack: int
) -> PixelsCfg:
    """Return the configuration of the cameras; without viewpoints, the task's first.

    Raises:
        UserError: for a size below 1, or an empty sequence of viewpoints.
    """
    names = (viewpoints,) if isinstance(viewpoints, str) else tuple(viewpoints or ())
    count = 1 if viewpoints is None else len(names)
    if min(height, width, stack, count) < 1:
        raise UserError(
            f"height={height}, width={width}, stack={stack}, {count} viewpoints: "
            "each must be 1 or more"
        )
    return PixelsCfg(viewpoints=names, height=height, width=width, stack=stack)

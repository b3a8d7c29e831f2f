"""The tasks as Gymnasium environments that are seen through cameras.

    import gymnasium
    import puckrl.interop.gym  # registers these ids, too

    env = gymnasium.make("puck/FetchPushPixels-v4", height=64, width=64, stack=3)

An observation, of one world:

    pixels          stack * 3 * cameras, height, width    uint8, channels first
    proprio         10                                    float64, the robot's own joints
    achieved_goal   3                                     float64, m
    desired_goal    3                                     float64, m

Frames of a stack lie one behind the other in the channels, the oldest first, and within a
frame the cameras, red, green and blue each; a fresh episode repeats its first frame.
Nothing but pixels and achieved_goal tells where the object is, and no robot is told the
second: hindsight needs it, a policy that is to leave the simulator must not see it.

Stable-Baselines3 takes the smallest side of an image for its channels and turns the
others round: keep stack * 3 * cameras at most as large as height and width.
"""

from collections.abc import Sequence
from typing import Any

from puckrl.config.run_cfg import PixelsCfg
from puckrl.core.errors import UserError
from puckrl.interop.gym import PuckEnv, PuckVectorEnv
from puckrl.tasks.task import RewardKind


class PixelEnv(PuckEnv):
    """One world of a task, seen through cameras.

    Args:
        task: name of the task, or ``path/to/file.py:ClassName``.
        reward: sparse or dense.
        render_mode: ``"rgb_array"`` or None; ``render`` draws for people, 480 x 480.
        height: rows of a picture.
        width: pixels per row.
        viewpoints: where the cameras stand, one name or several.
        stack: frames that are seen together.

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
        viewpoints: str | Sequence[str] = "side",
        stack: int = 3,
    ) -> None:
        pixels = _pixels(height, width, viewpoints, stack)
        self.stack = stack
        super().__init__(task, reward, render_mode, pixels=pixels)


class PixelVectorEnv(PuckVectorEnv):
    """Many worlds of a task, seen through cameras and stepped together.

    Args:
        num_envs: worlds.
        height: rows of a picture.
        width: pixels per row.
        viewpoints: where the cameras stand, one name or several.
        stack: frames that are seen together.
        options: of ``PuckVectorEnv``.

    Raises:
        UserError: for an unknown viewpoint, or sizes below 1.
    """

    def __init__(
        self,
        num_envs: int = 1,
        height: int = 84,
        width: int = 84,
        viewpoints: str | Sequence[str] = "side",
        stack: int = 3,
        **options: Any,
    ) -> None:
        pixels = _pixels(height, width, viewpoints, stack)
        super().__init__(num_envs, pixels=pixels, **options)


def _pixels(
    height: int, width: int, viewpoints: str | Sequence[str], stack: int
) -> PixelsCfg:
    """The cameras asked for."""
    names = (viewpoints,) if isinstance(viewpoints, str) else tuple(viewpoints)
    if min(height, width, stack, len(names)) < 1:
        raise UserError(
            f"height={height}, width={width}, stack={stack}, {len(names)} viewpoints: "
            "each must be 1 or more"
        )
    return PixelsCfg(viewpoints=names, height=height, width=width, stack=stack)

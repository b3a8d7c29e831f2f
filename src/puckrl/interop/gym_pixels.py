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
from typing import Annotated, Any, Literal

from puckrl.config.run_cfg import SIDE_PX, STACK, PixelsCfg
from puckrl.core.arguments import checked
from puckrl.core.errors import UserError
from puckrl.core.settings import COUNT
from puckrl.interop.gym_many import PuckVectorEnv
from puckrl.interop.gym_one import PuckEnv
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
        reward_type: gymnasium-robotics' name of ``reward``; None: as ``reward`` says.

    Raises:
        UserError: for an argument that is not legal.
    """

    @checked
    def __init__(
        self,
        task: str = "push",
        reward: RewardKind = "sparse",
        render_mode: Literal["rgb_array"] | None = None,
        height: Annotated[int, SIDE_PX] = 84,
        width: Annotated[int, SIDE_PX] = 84,
        viewpoints: str | Sequence[str] | None = None,
        stack: Annotated[int, STACK] = 3,
        reward_type: RewardKind | None = None,
    ) -> None:
        pixels = _pixels(height, width, viewpoints, stack)
        super().__init__(
            task, reward, render_mode, pixels=pixels, reward_type=reward_type
        )

    @property
    def stack(self) -> int:
        """Frames of a stack; the constructor decides."""
        return self._worlds.spaces.pixels.stack  # pyright: ignore[reportOptionalMemberAccess]


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
        UserError: for an argument that is not legal.
    """

    @checked
    def __init__(
        self,
        num_envs: Annotated[int, COUNT] = 1,
        height: Annotated[int, SIDE_PX] = 84,
        width: Annotated[int, SIDE_PX] = 84,
        viewpoints: str | Sequence[str] | None = None,
        stack: Annotated[int, STACK] = 3,
        **options: Any,
    ) -> None:
        pixels = _pixels(height, width, viewpoints, stack)
        super().__init__(num_envs, pixels=pixels, **options)

    @property
    def stack(self) -> int:
        """Frames of a stack; the constructor decides."""
        return self._worlds.spaces.pixels.stack  # pyright: ignore[reportOptionalMemberAccess]


def _pixels(
    height: int, width: int, viewpoints: str | Sequence[str] | None, stack: int
) -> PixelsCfg:
    """Return the configuration of the cameras; without viewpoints, the task's first.

    Raises:
        UserError: for an empty sequence of viewpoints.
    """
    names = (viewpoints,) if isinstance(viewpoints, str) else tuple(viewpoints or ())
    if viewpoints is not None and not names:
        raise UserError("viewpoints is empty; name one, or None: the task's first")
    return PixelsCfg(viewpoints=names, height=height, width=width, stack=stack)

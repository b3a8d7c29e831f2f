"""Translate observations of Stable-Baselines3 to those of our replay buffer, and back.

Dict of arrays (n, ...)                  replay buffer
vectors, in the order of the space  ->   state, and a last column: the episode ended
image, a stack of frames            ->   frame, the newest one
achieved_goal, desired_goal         ->   the same
"""

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.preprocessing import is_image_space
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Obs, PixelSpace, Spaces

GOALS = ("achieved_goal", "desired_goal")
Arrays = dict[str, NDArray[Any]]


def image_and_vectors(space: spaces.Space) -> tuple[str, dict[str, int]]:
    """Return the name of the image, empty if there is none, and the sizes of the vectors.

    Raises:
        UserError: for anything but a Dict of vectors and at most one image.
    """
    if not isinstance(space, spaces.Dict):
        raise UserError(f"observations are {space}; wanted a Dict of Boxes")
    images = [name for name, part in space.items() if is_image_space(part)]
    vectors: dict[str, int] = {}
    for name, part in space.items():
        if name in images:
            continue
        if not isinstance(part, spaces.Box) or len(part.shape) != 1:
            raise UserError(
                f"observation {name!r} is {part}; wanted a Box with one axis, or an "
                "image: uint8 in 0 ... 255, three axes"
            )
        vectors[name] = part.shape[0]
    if len(images) > 1:
        raise UserError(
            f"observations {', '.join(images)} are images; stack them along their "
            "channels into one"
        )
    return (images[0] if images else ""), vectors


class Packing:
    """Pack and unpack observations.

    Args:
        space: observation space of one environment.
        stack: frames in the image.
        action_dim: length of an action.
        horizon: steps of the longest episode.

    Raises:
        UserError: without goals, or if the image is no stack of ``stack`` frames.
    """

    def __init__(
        self, space: spaces.Space, stack: int, action_dim: int, horizon: int
    ) -> None:
        self.image, sizes = image_and_vectors(space)
        if missing := [name for name in GOALS if name not in sizes]:
            raise UserError(
                f"observations without {', '.join(missing)}: no hindsight; wanted a goal "
                "environment, or use SB3's ReplayBuffer"
            )
        self._sizes = {name: n for name, n in sizes.items() if name not in GOALS}
        pixels = None
        if self.image:
            channels, height, width = space[self.image].shape  # pyright: ignore[reportIndexIssue]
            if channels % stack:
                raise UserError(f"{channels} channels are no stack of {stack} frames")
            pixels = PixelSpace(height, width, channels // stack, stack)
        self.spaces = Spaces(
            state_dim=sum(self._sizes.values()) + 1,
            goal_dim=sizes["achieved_goal"],
            action_dim=action_dim,
            horizon=horizon,
            pixels=pixels,
        )
        """Sizes of what the replay buffer stores."""

    def pack(self, obs: Arrays, ended: NDArray[np.bool_]) -> Obs:
        """Return what the buffer stores of an observation.

        Args:
            obs: arrays, (n, ...) each.
            ended: the episode terminated, not by a time limit, (n,).
        """
        packed = {name: obs[name] for name in GOALS}
        vectors = [obs[name] for name in self._sizes]
        packed["state"] = np.concatenate([*vectors, ended[:, None]], axis=1)
        if self.spaces.pixels:
            newest = obs[self.image][:, -self.spaces.pixels.channels :]
            packed["frame"] = newest.transpose(0, 2, 3, 1)
        return {name: torch.from_numpy(value) for name, value in packed.items()}

    def unpack(self, obs: Obs) -> tuple[Obs, Tensor]:
        """Return a sampled observation by name, and where the episode ended, (B, 1)."""
        *vectors, ended = obs["state"].split([*self._sizes.values(), 1], dim=1)
        named = dict(zip(self._sizes, vectors, strict=True))
        named |= {name: obs[name] for name in GOALS}
        if self.image:
            named[self.image] = obs["pixels"]
        return named, ended

    def check_stacks(
        self, obs: Arrays, next_obs: Arrays, fresh: NDArray[np.bool_]
    ) -> None:
        """Refuse stacks that the newest frames could not rebuild.

        Args:
            obs: before a step.
            next_obs: after it.
            fresh: where an episode begins, (n,).

        Raises:
            UserError: if a stack has another form.
        """
        size = self.spaces.pixels
        if size is None:
            return
        before, after = obs[self.image], next_obs[self.image]
        first = before[fresh]
        repeated = np.tile(first[:, -size.channels :], (1, size.stack, 1, 1))
        moved = np.array_equal(after[:, : -size.channels], before[:, size.channels :])
        if not moved or not np.array_equal(first, repeated):
            raise UserError(
                f"{self.image!r} is no stack of {size.stack} frames of "
                f"{size.channels} channels, oldest first, that begins an episode with "
                "its first frame repeated; set replay_buffer_kwargs={'stack': ...}, "
                "and do not pad with zeros"
            )

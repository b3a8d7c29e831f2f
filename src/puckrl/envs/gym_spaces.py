"""Describe observations and actions as Gymnasium's spaces, for who plans by them.

Tensors are not Gymnasium's arrays: ``space.contains(obs[name].cpu().numpy())`` holds. A
space of many worlds has the worlds as its first axis, as in ``gymnasium.vector``.
Gymnasium is imported when a space is asked for.
"""

from typing import TYPE_CHECKING, Any

import torch

from puckrl.core.spaces import Spaces

if TYPE_CHECKING:
    from gymnasium import spaces


def observation_space(of: Spaces, dtype: torch.dtype) -> "spaces.Dict":
    """Return the observation space of one world.

    Args:
        of: sizes.
        dtype: precision of the vectors.
    """
    import numpy as np
    from gymnasium import spaces

    number = np.float64 if dtype == torch.float64 else np.float32
    sizes = {
        "state": of.state_dim,
        "achieved_goal": of.goal_dim,
        "desired_goal": of.goal_dim,
    }
    found: dict[str, spaces.Space[Any]] = {
        name: spaces.Box(-np.inf, np.inf, (size,), number)
        for name, size in sizes.items()
    }
    if (image := of.pixels) is not None:
        frame = (image.height, image.width, image.channels)
        pixels = (image.stacked_channels, image.height, image.width)
        found["frame"] = spaces.Box(0, 255, frame, np.uint8)
        found["pixels"] = spaces.Box(0, 255, pixels, np.uint8)
    if (goal := of.goal_image) is not None:
        shape = (goal.channels, goal.height, goal.width)
        found["goal_image"] = spaces.Box(0, 255, shape, np.uint8)
    return spaces.Dict(found)


def action_space(of: Spaces) -> "spaces.Box":
    """Return the action space of one world: [-1, 1] for every number."""
    import numpy as np
    from gymnasium import spaces

    return spaces.Box(-1.0, 1.0, (of.action_dim,), np.float32)


def batched(space: Any, num_worlds: int) -> Any:
    """Return the space of many worlds."""
    from gymnasium.vector.utils import batch_space

    return batch_space(space, num_worlds)

"""Shapes and sizes of stored episodes, known before anything is allocated."""

import math

from puckrl.core.spaces import Spaces


def vector_shapes(spaces: Spaces) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the float32 quantities of one episode, by name."""
    return {
        "state": (spaces.horizon + 1, spaces.state_dim),
        "achieved_goal": (spaces.horizon + 1, spaces.goal_dim),
        "action": (spaces.horizon, spaces.action_dim),
        "desired_goal": (spaces.goal_dim,),
    }


def frame_shapes(spaces: Spaces) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the uint8 quantities of one episode; {} without cameras."""
    size, goal = spaces.pixels, spaces.goal_image
    if size is None:
        return {}
    shapes: dict[str, tuple[int, ...]] = {
        "frame": (spaces.horizon + 1, size.channels, size.height, size.width)
    }
    if goal is not None:
        shapes["goal_image"] = (goal.channels, goal.height, goal.width)
    return shapes


def bytes_per_episode(spaces: Spaces) -> int:
    """Return the bytes of a stored episode; shorter ones take as much."""
    numbers = sum(math.prod(shape) for shape in vector_shapes(spaces).values())
    return 4 * numbers + sum(math.prod(s) for s in frame_shapes(spaces).values())


def bytes_per_transition(spaces: Spaces) -> float:
    """Return the bytes per stored transition: T + 1 observations for T transitions."""
    return bytes_per_episode(spaces) / spaces.horizon


def bytes_per_step(spaces: Spaces) -> int:
    """Return the bytes of a step of one world in a buffer of single steps."""
    numbers = spaces.state_dim + 2 * spaces.goal_dim + spaces.action_dim + 1
    return 4 * numbers + 3 + 8  # three flags and a place in the side table


def bytes_per_sample(spaces: Spaces) -> int:
    """Return the bytes of a transition in a batch, next observation included, no images."""
    return 4 * (2 * spaces.state_dim + 4 * spaces.goal_dim + spaces.action_dim + 2)


def bytes_per_stack(spaces: Spaces) -> int:
    """Return the bytes of a batch transition's images: its two stacks share frames."""
    size = spaces.pixels
    if size is None:
        return 0
    frames = size.stack + 1 + (spaces.goal_image is not None)
    return frames * size.channels * size.height * size.width

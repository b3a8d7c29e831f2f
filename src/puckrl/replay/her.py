"""Hindsight relabeling: which index of an episode supplies the goal.

Pure functions of indices. Source: Andrychowicz et al. (2017), "Hindsight
Experience Replay", section 4.5 (strategies `future`, `final`, `episode`).

The achieved goal at index i of an episode is observed *before* step i. Step t leads
from index t to t + 1, so it can contribute to the goals at t + 1 ... length.

    index    0     1     2     3          length = 3
    achieved g0    g1    g2    g3
    step        0     1     2
    future(t=1) in {2, 3} · final(t=1) = 3 · episode(t=1) in {1, 2, 3}
"""

from typing import assert_never

import torch
from torch import Tensor

from puckrl.replay.settings import Strategy


def goal_index(
    strategy: Strategy, step: Tensor, length: Tensor, unit: Tensor
) -> Tensor:
    """Return the index of the achieved goal that replaces the desired one.

    Args:
        strategy: where in the episode the new goal comes from.
        step: sampled steps, (B,) int64, 0 <= step < length.
        length: steps of their episodes, (B,) int64.
        unit: uniform draws in [0, 1), (B,).

    Returns:
        Indices into the episodes' length + 1 achieved goals, (B,) int64.
    """
    match strategy:
        case "future":
            return step + 1 + (unit * (length - step)).long()
        case "final":
            return length
        case "episode":
            return 1 + (unit * length).long()
        case _:
            assert_never(strategy)


def substitute(mask: Tensor, hindsight: Tensor, desired: Tensor) -> Tensor:
    """Return hindsight goals where ``mask`` (B,), else desired goals, (B, goal_dim)."""
    return torch.where(mask[:, None], hindsight, desired)

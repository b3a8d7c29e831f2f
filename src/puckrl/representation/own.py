"""Make objectives by name: ours, or a class of a package's or of a user's file.

    class Mine(nn.Module):
        def __init__(self, features: int, goal_dim: int) -> None: ...

with the other parts of ``Objective``. It must be a pure function of its inputs, its
parameters and its buffers. Metrics of its ``health`` begin with ``own/``.
"""

from typing import Any

from torch import nn

from puckrl.core.errors import UserError, out_of_memory, said
from puckrl.core.registry import find_class
from puckrl.representation.goal_prediction import GoalPrediction
from puckrl.representation.objective import Objective

OBJECTIVES: dict[str, type[GoalPrediction]] = {"goal-prediction": GoalPrediction}
"""Names of our objectives."""
_PARTS = ("condition_size", "loss", "condition", "update_normalizer", "health")


def make_objective(name: str, features: int, goal_dim: int) -> Objective:
    """Make an objective on the CPU; torch's global generator draws its weights.

    Args:
        name: goal-prediction, an entry point, or ``path/to/file.py:ClassName``.
        features: number of features of the encoder.
        goal_dim: length of a goal.

    Raises:
        UserError: for an unknown name, or a class that cannot be made or lacks a part.
    """
    if name in OBJECTIVES:
        return OBJECTIVES[name](features, goal_dim)
    found: type[nn.Module] = find_class("objective", name, nn.Module, OBJECTIVES)
    try:
        made: Any = found(features, goal_dim)
    except Exception as error:
        if isinstance(error, UserError) or out_of_memory(error):
            raise
        raise UserError(
            f"{name}({features}, {goal_dim}): {type(error).__name__}: {said(error)}"
        ) from error
    if missing := [part for part in _PARTS if not hasattr(made, part)]:
        raise UserError(
            f"the objective {name} lacks {', '.join(missing)}; see "
            "puckrl.representation.objective.Objective"
        )
    return made

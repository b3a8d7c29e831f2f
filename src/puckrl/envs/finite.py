"""Notice NaN and infinity in what a task returns, before anything learns from them."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from puckrl.core.errors import UserError


class NotFinite(NamedTuple):
    """Say where a task returned NaN or infinity."""

    task: str
    """Name of the task's class."""
    name: str
    """state, achieved_goal, desired_goal or reward."""
    column: int
    """Column of it."""
    world: int
    """Number of the world."""
    step: int
    """Control steps since the world's last reset."""
    value: float
    """The value: NaN, inf or -inf."""

    @property
    def text(self) -> str:
        """The place in one line."""
        value = "NaN" if self.value != self.value else f"{self.value:g}"
        column = "" if self.name == "reward" else f", column {self.column},"
        steps = f"{self.step} step{'s' if self.step > 1 else ''}"
        when = f"{steps} after" if self.step else "right after"
        return f"{self.name}{column} is {value} in world {self.world}, {when} its reset"


Alarm = Callable[[NotFinite], None]
"""Handle a value that is not finite; the environment calls it before it goes on."""


def refuse(spot: NotFinite) -> None:
    """Raise ``UserError`` for a value that is not finite."""
    method = "reset" if spot.name == "desired_goal" else spot.name
    raise UserError(
        f"{spot.task}: {spot.text}; nothing can learn from it: correct {spot.task}.{method}(), "
        "then look at its play with: puck check"
    )


def all_finite(state: Tensor, goals: Tensor, rewards: Tensor) -> Tensor:
    """Return whether all numbers are finite, () bool, without synchronization.

    A sum is NaN or infinite as soon as one of its terms is, and takes a fraction of the
    time of looking at each.
    """
    return (state.sum() + goals.sum() + rewards.sum()).isfinite()


def first_not_finite(values: Tensor, worlds: Tensor) -> tuple[int, int] | None:
    """Return world and column of the first value that is not finite; None if there is none.

    Args:
        values: numbers, (W, columns).
        worlds: the worlds to look at, (W,) bool.
    """
    found = (~values.isfinite() & worlds[:, None]).nonzero()
    return None if len(found) == 0 else (int(found[0, 0]), int(found[0, 1]))

"""Lay the observation of a foreign environment out as one vector with named parts.

    Dict(observation=Box(18), achieved_goal=Box(3), desired_goal=Box(3))
        state 0:18   achieved_goal 18:21   desired_goal 21:24
    Dict(arm=Dict(q=Box(7), dq=Box(7)), grip=Discrete(2))
        state 0:16, sensors arm.q 0:7, arm.dq 7:14, grip 14:16

Neither torch nor the environment's library is imported here: worker processes use it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from puckrl.core.errors import UserError, unknown

GOALS = ("observation", "achieved_goal", "desired_goal")
"""Keys of a goal environment's observation."""
Array = NDArray[np.float64]
_SLACK = 1e-5  # of float32 numbers at the edge of their space


@dataclass(frozen=True)
class Part:
    """One leaf of an observation."""

    path: tuple[str | int, ...]
    """Keys that lead to it."""
    first: int
    """Its first column."""
    size: int
    """Number of its columns."""
    classes: int = 0
    """Number of values of a discrete leaf, which becomes one-hot; 0: a vector."""
    start: int = 0
    """Smallest value of a discrete leaf."""
    low: tuple[float, ...] = ()
    """Minimum of each column, as its space says; empty: 0 or none."""
    high: tuple[float, ...] = ()
    """Maximum of each column; empty: 1 or none."""

    @property
    def name(self) -> str:
        """Its name among the sensors."""
        return ".".join(map(str, self.path))

    @property
    def columns(self) -> slice:
        """Its columns."""
        return slice(self.first, self.first + self.size)


@dataclass(frozen=True)
class Layout:
    """Columns of a flat observation."""

    parts: tuple[Part, ...]
    """The leaves, in order; those of the state come first."""
    has_goals: bool
    """Whether the observation is that of a goal environment."""

    @property
    def width(self) -> int:
        """Number of columns."""
        return sum(part.size for part in self.parts)

    @property
    def goal_dim(self) -> int:
        """Length of a goal; 0 without goals."""
        return self.parts[-1].size if self.has_goals else 0

    @property
    def state_dim(self) -> int:
        """Number of columns that are no goal."""
        return self.width - 2 * self.goal_dim

    @property
    def state_parts(self) -> tuple[Part, ...]:
        """The leaves that are no goal."""
        return self.parts[:-2] if self.has_goals else self.parts

    def outside(self, rows: Array) -> int:
        """Return how many numbers of rows (n, width) their spaces rule out."""
        count = 0
        for part in self.parts:
            if part.low:
                value = rows[:, part.columns]
                low, high = (np.array(edge) for edge in (part.low, part.high))
                slack = _SLACK * (1.0 + np.abs(value))
                count += int(((value < low - slack) | (value > high + slack)).sum())
        return count

    def write(self, obs: Any, row: Array) -> None:
        """Write the observation of one world into its row, (width,).

        Raises:
            UserError: if the environment returned another shape than its space has.
        """
        for part in self.parts:
            value = _at(obs, part.path)
            if part.classes:
                row[part.columns] = 0.0
                row[part.first + int(value) - part.start] = 1.0
                continue
            flat = np.asarray(value).reshape(-1)
            if flat.size != part.size:
                raise UserError(
                    f"the observation {part.name or 'of the environment'} has "
                    f"{flat.size} numbers, and its space {part.size}; correct the space"
                )
            row[part.columns] = flat

    def write_batch(self, obs: Any, rows: Array) -> None:
        """Write observations of many worlds, leaves (W, ...), into rows (W, width)."""
        for part in self.parts:
            value = np.asarray(_at(obs, part.path))
            if part.classes:
                one_hot = np.arange(part.classes) == value.reshape(-1, 1) - part.start
                rows[:, part.columns] = one_hot
            else:
                rows[:, part.columns] = value.reshape(len(rows), -1)


def _at(obs: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        obs = obs[key]
    return obs


def layout_of(space: spaces.Space[Any], keys: Sequence[str] = ()) -> Layout:
    """Return the layout of an observation space of one world.

    Args:
        space: Box, Discrete, MultiBinary, or a Dict or Tuple of these.
        keys: top keys of a Dict to read; empty: all.

    Raises:
        UserError: for a leaf that no vector can hold, or a key that is not there.
    """
    names = dict(space.spaces) if isinstance(space, spaces.Dict) else {}
    has_goals = set(names) >= set(GOALS)
    for key in keys:
        if key not in names:
            raise unknown("key of the observation", key, names or ["(it has none)"])
    chosen = keys or [name for name in names if not (has_goals and name in GOALS[1:])]
    leaves: list[tuple[tuple[str | int, ...], spaces.Space[Any]]]
    if names:
        leaves = [leaf for key in chosen for leaf in _leaves((key,), names[key])]
    else:
        leaves = [*_leaves((), space)]
    if has_goals:
        leaves += [((name,), names[name]) for name in GOALS[1:]]
    return Layout(tuple(_placed(leaves)), has_goals)


def _leaves(
    path: tuple[str | int, ...], space: spaces.Space[Any]
) -> Iterator[tuple[tuple[str | int, ...], spaces.Space[Any]]]:
    """Yield the leaves of a space with their paths."""
    inner: Mapping[str | int, spaces.Space[Any]] | None = None
    if isinstance(space, spaces.Dict):
        inner = {**space.spaces}
    elif isinstance(space, spaces.Tuple):
        inner = dict(enumerate(space.spaces))
    if inner is None:
        yield path, space
        return
    for key, value in inner.items():
        yield from _leaves((*path, key), value)


def _placed(
    leaves: Sequence[tuple[tuple[str | int, ...], spaces.Space[Any]]],
) -> Iterator[Part]:
    """Yield parts side by side."""
    first = 0
    for path, space in leaves:
        part = _part(path, space, first)
        first += part.size
        yield part


def _part(path: tuple[str | int, ...], space: spaces.Space[Any], first: int) -> Part:
    name = ".".join(map(str, path)) or "the observation"
    if isinstance(space, spaces.Discrete):
        count = int(space.n)
        return Part(path, first, count, count, int(space.start))
    if not isinstance(space, spaces.Box | spaces.MultiBinary):
        raise UserError(
            f"{name} is {space}, which is no vector; legal: Box, Discrete, MultiBinary; name "
            "the keys to read: --foreign.observation KEY"
        )
    shape = space.shape or ()
    if space.dtype == np.uint8 and len(shape) == 3:
        raise UserError(
            f"{name} is an image of shape {shape}; foreign images are not read: name the "
            "vectors: --foreign.observation KEY, or use an environment with a state"
        )
    size = int(np.prod(shape))
    if not isinstance(space, spaces.Box):
        return Part(path, first, size)
    low, high = (
        tuple(edge.astype(np.float64).reshape(-1).tolist())
        for edge in (space.low, space.high)
    )
    return Part(path, first, size, low=low, high=high)

"""Find the inputs of actor and critics in nested groups of observations.

    {"policy": (W, 4)}                               actor 0:4, critic 0:4
    {"actor": (W, 30), "critic": (W, 34)}            actor 0:30, critic 30:64
    {"obs": {"q": (W, 7), "cam": (W, 64, 64, 3)}}    refused: name what is read

One group is both networks' by rule, and so are groups of usual names. Everything else takes
``--foreign.actor KEY`` and ``--foreign.critic KEY``. A key is the path of a group or of a
tensor in it, ``obs.q``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from puckrl.core.errors import UserError, unknown
from puckrl.core.types import Sensor

ACTOR, CRITIC = "actor", "critic"
"""Sensors that every such environment has."""
_ACTOR_GROUPS = ("actor", "policy")
_CRITIC_GROUPS = ("critic", "privileged", "states", "state")


@dataclass(frozen=True)
class Leaf:
    """One tensor among nested observations."""

    path: tuple[str, ...]
    """Keys that lead to it."""
    shape: tuple[int, ...]
    """Its shape, without that of the worlds."""

    @property
    def name(self) -> str:
        """Its name among the sensors."""
        return ".".join(self.path)

    @property
    def size(self) -> int:
        """Number of its columns."""
        return int(torch.Size(self.shape).numel())

    def under(self, key: str) -> bool:
        """Return whether a key names it, or a group that it belongs to."""
        return self.name == key or self.name.startswith(f"{key}.")


@dataclass(frozen=True)
class Groups:
    """Columns of nested observations of W worlds, laid side by side."""

    leaves: tuple[Leaf, ...]
    """The tensors that are read, in order."""
    sensors: dict[str, Sensor]
    """Columns of every tensor and group that is read, and of ``actor`` and ``critic``."""

    @property
    def width(self) -> int:
        """Number of columns."""
        return sum(leaf.size for leaf in self.leaves)

    def flat(self, obs: Mapping[str, Any]) -> Tensor:
        """Return observations as rows (W, width) float32 that nobody else owns.

        Raises:
            UserError: if a tensor has another shape than the first one had.
        """
        parts = [_at(obs, leaf.path) for leaf in self.leaves]
        for leaf, part in zip(self.leaves, parts, strict=True):
            if tuple(part.shape[1:]) != leaf.shape:
                raise UserError(
                    f"the observation {leaf.name} has the shape {tuple(part.shape[1:])} "
                    f"now, and had {leaf.shape} at the first reset"
                )
        return torch.cat([part.flatten(1).float() for part in parts], dim=1)


def groups_of(
    obs: Mapping[str, Any], actor: Sequence[str] = (), critic: Sequence[str] = ()
) -> Groups:
    """Return which columns actor and critics read.

    Args:
        obs: observations of W worlds, nested dictionaries of tensors (W, ...).
        actor: keys that the actor reads; empty: by rule.
        critic: keys that the critics read; empty: by rule, else those of the actor.

    Raises:
        UserError: if no rule finds them, for an unknown key, or for images.
    """
    every = tuple(_leaves((), obs))
    for_actor = _chosen(every, actor) or _by_rule(every, obs, _ACTOR_GROUPS)
    if not for_actor:
        raise UserError(
            f"its observations have the groups {', '.join(obs)}, and no rule says which is "
            "the policy's; name its keys: --foreign.actor KEY"
        )
    named = next((name for name in _CRITIC_GROUPS if name in obs), "")
    for_critic = _chosen(every, critic or ((named,) if named else ())) or for_actor
    read = tuple(leaf for leaf in every if leaf in for_actor or leaf in for_critic)
    for leaf in read:
        if len(leaf.shape) > 2:
            raise UserError(
                f"the observation {leaf.name} has the shape {leaf.shape}; foreign images are "
                "not read: name the vectors: --foreign.actor KEY"
            )
    return Groups(read, _sensors(read, for_actor, for_critic))


def _leaves(path: tuple[str, ...], obs: Mapping[str, Any]) -> Iterator[Leaf]:
    """Yield the tensors of nested observations."""
    for key, value in obs.items():
        if isinstance(value, Tensor):
            yield Leaf((*path, key), tuple(value.shape[1:]))
        else:
            yield from _leaves((*path, key), value)


def _chosen(every: Sequence[Leaf], keys: Sequence[str]) -> tuple[Leaf, ...]:
    """Return the tensors that keys name, in their order among the observations."""
    for key in keys:
        if not any(leaf.under(key) for leaf in every):
            raise unknown("key of the observation", key, [leaf.name for leaf in every])
    return tuple(leaf for leaf in every if any(leaf.under(key) for key in keys))


def _by_rule(
    every: Sequence[Leaf], obs: Mapping[str, Any], names: Sequence[str]
) -> tuple[Leaf, ...]:
    """Return the tensors of the group with a usual name, or of the only group."""
    groups = [name for name in names if name in obs] or (
        [*obs] if len(obs) == 1 else []
    )
    return _chosen(every, groups[:1])


def _sensors(
    read: Sequence[Leaf], for_actor: Sequence[Leaf], for_critic: Sequence[Leaf]
) -> dict[str, Sensor]:
    """Return the columns of every name."""
    columns: dict[str, tuple[int, ...]] = {}
    placed: dict[Leaf, tuple[int, ...]] = {}
    first = 0
    for leaf in read:
        placed[leaf] = tuple(range(first, first + leaf.size))
        first += leaf.size
        for depth in range(1, len(leaf.path) + 1):
            name = ".".join(leaf.path[:depth])
            columns[name] = (*columns.get(name, ()), *placed[leaf])
    for name, leaves in ((ACTOR, for_actor), (CRITIC, for_critic)):
        columns[name] = tuple(column for leaf in leaves for column in placed[leaf])
    return {
        name: Sensor(found, "environment", "unknown") for name, found in columns.items()
    }


def _at(obs: Any, path: tuple[str, ...]) -> Tensor:
    for key in path:
        obs = obs[key]
    return obs

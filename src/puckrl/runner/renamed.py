"""Names in snapshots of earlier versions, and their present ones."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

# The first prefix that fits decides.
_PREFIXES = {
    "normalised": "normalized",
    "agent.kept.eyes": "agent.average.pixels",
    "agent.kept.": "agent.average.",
    "agent.sight.goals.": "agent.vision.objective.goals.",
    "agent.sight.": "agent.vision.",
    "agent.actor_sight.goals.": "agent.actor_vision.objective.goals.",
    "agent.actor_sight.": "agent.actor_vision.",
    "agent.critic_sight.goals.": "agent.critic_vision.objective.goals.",
    "agent.critic_sight.": "agent.critic_vision.",
    "env.looks.": "env.appearance.",
}


def present_names(values: Mapping[str, T]) -> dict[str, T]:
    """Return tensors or numbers of a snapshot by their present names."""
    return {_present_name(name): value for name, value in values.items()}


def _present_name(name: str) -> str:
    for old, new in _PREFIXES.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name

"""Tell the names of environments that are not ours from those of tasks: ``gym:ID``."""

BATCHED = ("mjlab", "isaaclab")
"""Libraries that step thousands of worlds in torch, and draw from global generators."""
LIBRARIES = ("gym", *BATCHED)
"""Prefixes of names of foreign environments."""


def library_of(task: str) -> str | None:
    """Return the library of a task's name; None for a task of puckrl or of a file."""
    prefix, colon, name = task.partition(":")
    return prefix if colon and name and prefix in LIBRARIES else None


def is_batched(task: str) -> bool:
    """Return whether a task belongs to a library of ``BATCHED``."""
    return library_of(task) in BATCHED


def id_of(task: str) -> str:
    """Return the name of a foreign environment in its own library."""
    return task.partition(":")[2]

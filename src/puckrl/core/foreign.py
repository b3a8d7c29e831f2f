"""Tell the names of environments that are not ours from those of tasks: ``gym:ID``."""

LIBRARIES = ("gym",)
"""Prefixes of names of foreign environments."""


def library_of(task: str) -> str | None:
    """Return the library of a task's name; None for a task of puckrl or of a file."""
    prefix, colon, name = task.partition(":")
    return prefix if colon and name and prefix in LIBRARIES else None


def id_of(task: str) -> str:
    """Return the name of a foreign environment in its own library."""
    return task.partition(":")[2]

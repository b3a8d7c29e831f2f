"""Names of a snapshot's tensors, ``section.name``: every owner names its own section."""

from torch import Tensor


def under(section: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors named ``section.name``."""
    return {f"{section}.{name}": value for name, value in tensors.items()}


def section(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of one section, by the names that ``under`` was given."""
    prefix = f"{name}."
    return {
        key.removeprefix(prefix): value
        for key, value in tensors.items()
        if key.startswith(prefix)
    }

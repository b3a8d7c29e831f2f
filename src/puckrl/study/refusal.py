"""Define a refusal: why a study may not run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """Say why a study may not run."""

    rule: str
    """Name of the rule."""
    arm: str
    """Arm that breaks it; empty: the whole study."""
    text: str
    """What is wrong, what is legal, what to do."""

    def __str__(self) -> str:
        """Return the refusal as one line."""
        return f"{self.arm}: {self.text}" if self.arm else self.text

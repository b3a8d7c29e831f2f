"""Define what a network remembers, without torch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from puckrl.core.settings import COUNT, NON_NEGATIVE, Bounds
from puckrl.core.spaces import HistorySpec

MemoryKind = Literal["none", "stack", "gru", "lstm", "scan"]


@dataclass(frozen=True)
class MemoryCfg:
    """What the networks remember of an episode: their state sensors, not goals or images.

    Goals stay out of it, so that hindsight may give each step of a sequence another one.
    """

    kind: MemoryKind = "none"
    """none; stack: the last vectors; gru, lstm: recurrent networks; scan: a linear
    recurrence that trains in parallel (minGRU)."""
    stack: Annotated[int, Bounds(2, 64, "2 to 64 vectors")] = 4
    """Length of a stack, in control steps."""
    size: Annotated[int, COUNT] = 64
    """Features of a recurrent memory."""
    steps: Annotated[int, COUNT] = 16
    """Transitions that a batch takes from each sequence (recurrent only)."""
    window: Annotated[int, NON_NEGATIVE] = 0
    """Longest sequence, in control steps (recurrent only); 0: the whole episode."""
    burn_in: Annotated[int, NON_NEGATIVE] = 0
    """First steps of a sequence that begins within an episode, which only warm the state up
    (R2D2: Kapturowski et al. 2019, section 3)."""
    critics: bool = True
    """Give the critics a memory of their own; they read their own sensors."""
    lr: Annotated[float, NON_NEGATIVE] = 0.0
    """Learning rate of the memories (Adam); 0: that of their network."""

    @property
    def recurrent(self) -> bool:
        """Whether a state is carried from step to step without end."""
        return self.kind in ("gru", "lstm", "scan")

    @property
    def history(self) -> HistorySpec | None:
        """What batches hold of the past; None without memory.

        A stack needs the vectors before one transition only, so transitions stay
        independent of each other.
        """
        if self.kind == "none":
            return None
        if self.recurrent:
            return HistorySpec(self.steps, self.window, self.burn_in)
        return HistorySpec(1, self.stack, self.stack - 1)

"""Networks that remember: stacks, GRU, LSTM, and a linear recurrence that trains in parallel.

Each maps a vector and a state to features and the next state. ``sequence`` gives the
same features as repeated steps from the zero state; it is what training uses.

    none    no memory
    stack   the last k vectors, oldest first; before the first, zeros
    gru     Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder"
    lstm    Hochreiter and Schmidhuber (1997), "Long short-term memory"
    scan    minGRU: Feng et al. (2024), "Were RNNs all we needed?", section 3.1. Its gates
            do not read the state, so a sequence of length L costs log2 L parallel passes
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from puckrl.nets.memory import MemoryCfg
from puckrl.nets.unroll import unroll_gru, unroll_lstm


class Memory(nn.Module, ABC):
    """A network with a state of ``state_size`` numbers a world.

    Args:
        inputs: length of the vectors.
        size: number of features.
        state_size: length of the state.
    """

    def __init__(self, inputs: int, size: int, state_size: int) -> None:
        super().__init__()
        self.inputs, self.size, self.state_size = inputs, size, state_size

    def start(self, worlds: int, device: torch.device | None = None) -> Tensor:
        """Return the state before the first step of an episode, (worlds, state_size)."""
        return torch.zeros(worlds, self.state_size, device=device)

    @abstractmethod
    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step.

        Args:
            x: vectors, (B, inputs).
            state: states, (B, state_size).

        Returns:
            Features (B, size) and the next states (B, state_size).
        """

    @abstractmethod
    def sequence(self, x: Tensor) -> Tensor:
        """Return the features of sequences from their start, (S, L, inputs) -> (S, L, size)."""

    def at(self, x: Tensor, step: Tensor) -> Tensor:
        """Return the features of some steps of sequences, (B, size).

        Args:
            x: sequences from their start, (S, L, inputs).
            step: steps, (B,) int64; the first B / S are of the first sequence, and so on.
        """
        index = step.view(len(x), -1, 1).expand(-1, -1, self.size)
        return self.sequence(x).gather(1, index).flatten(0, 1)


class Stack(Memory):
    """The last ``length`` vectors side by side, oldest first; zeros before the first."""

    def __init__(self, inputs: int, length: int) -> None:
        super().__init__(inputs, length * inputs, (length - 1) * inputs)
        self.length = length

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Append a vector to the stack; drop the oldest."""
        features = torch.cat([state, x], dim=-1)
        return features, features[:, self.inputs :]

    def sequence(self, x: Tensor) -> Tensor:
        """Return the stack at every step, (S, L, length * inputs)."""
        padded = F.pad(x, (0, 0, self.length - 1, 0))
        steps = x.shape[1]
        parts = [padded[:, first : first + steps] for first in range(self.length)]
        return torch.cat(parts, dim=-1)

    def at(self, x: Tensor, step: Tensor) -> Tensor:
        """Return the stacks of some steps; the others are not built."""
        back = torch.arange(1 - self.length, 1, device=step.device)
        index = (step[:, None] + back).view(len(x), -1, 1)
        rows = x.gather(1, index.clamp_min(0).expand(-1, -1, self.inputs))
        return (rows * (index >= 0)).view(len(step), self.size)


class _Gated(Memory):
    """A recurrent network with weights for inputs and state, uniform in ±1/sqrt(size)."""

    def __init__(self, inputs: int, size: int, gates: int, state_size: int) -> None:
        super().__init__(inputs, size, state_size)
        bound = 1 / math.sqrt(size)

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))

        self.weight_x, self.weight_h = (
            drawn(gates * size, inputs),
            drawn(gates * size, size),
        )
        self.bias_x, self.bias_h = drawn(gates * size), drawn(gates * size)

    def sequence(self, x: Tensor) -> Tensor:
        """Return the features of every step, (S, L, size)."""
        # The inputs' products do not wait for the state: one product for all steps
        gates = F.linear(x.transpose(0, 1), self.weight_x, self.bias_x)
        return self._unroll(gates).transpose(0, 1)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step of the recurrence."""
        state = self._next(F.linear(x, self.weight_x, self.bias_x), state)
        return state[:, : self.size], state

    @abstractmethod
    def _unroll(self, gates: Tensor) -> Tensor:
        """Return the features of every step, (L, S, size), from the inputs' products."""

    @abstractmethod
    def _next(self, gates: Tensor, state: Tensor) -> Tensor:
        """Return the next state, whose first ``size`` numbers are the features."""


class Gru(_Gated):
    """A gated recurrent unit, with the gates of ``torch.nn.GRU``: reset, update, new."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__(inputs, size, gates=3, state_size=size)

    def _unroll(self, gates: Tensor) -> Tensor:
        return unroll_gru(gates, self.weight_h, self.bias_h)

    def _next(self, gates: Tensor, state: Tensor) -> Tensor:
        from_x = gates.chunk(3, dim=-1)
        from_h = F.linear(state, self.weight_h, self.bias_h).chunk(3, dim=-1)
        reset = torch.sigmoid(from_x[0] + from_h[0])
        update = torch.sigmoid(from_x[1] + from_h[1])
        new = torch.tanh(from_x[2] + reset * from_h[2])
        return new + update * (state - new)


class Lstm(_Gated):
    """A long short-term memory, with the gates of ``torch.nn.LSTM``; state (h, c)."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__(inputs, size, gates=4, state_size=2 * size)

    def _unroll(self, gates: Tensor) -> Tensor:
        return unroll_lstm(gates, self.weight_h, self.bias_h)

    def _next(self, gates: Tensor, state: Tensor) -> Tensor:
        hidden, cell = state.chunk(2, dim=-1)
        both = gates + F.linear(hidden, self.weight_h, self.bias_h)
        enter, forget, new, leave = both.chunk(4, dim=-1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
        return torch.cat([torch.sigmoid(leave) * torch.tanh(cell), cell], dim=-1)


class Scan(Memory):
    """A minGRU: h' = (1 - z) h + z g(x), z = sigmoid(W x).

    g(x) = x + 1/2 for x >= 0, else sigmoid(x), is positive, as in appendix B of its source.
    """

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__(inputs, size, size)
        self.gates = nn.Linear(inputs, 2 * size)

    def _terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return a and b of h' = a h + b, (..., size) each."""
        update, new = self.gates(x).chunk(2, dim=-1)
        share = torch.sigmoid(update)
        return 1 - share, share * torch.where(new >= 0, new + 0.5, torch.sigmoid(new))

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step of the recurrence."""
        keep, add = self._terms(x)
        state = keep * state + add
        return state, state

    def sequence(self, x: Tensor) -> Tensor:
        """Return the features of every step, (S, L, size)."""
        return linear_scan(*self._terms(x))


def linear_scan(keep: Tensor, add: Tensor) -> Tensor:
    """Return h with h_t = keep_t h_{t-1} + add_t and h before the first step 0.

    Two steps compose to one: (a, b) then (a', b') is (a' a, a' b + b'). Each pass doubles
    the number of steps that every element covers. Source: Hillis and Steele (1986), "Data
    parallel algorithms".

    Args:
        keep: factors, (S, L, size).
        add: terms, (S, L, size).
    """
    covered = 1
    while covered < keep.shape[1]:
        ahead = (0, 0, covered, 0)
        before_keep = F.pad(keep[:, :-covered], ahead, value=1.0)
        before_add = F.pad(add[:, :-covered], ahead)
        keep, add = keep * before_keep, keep * before_add + add
        covered *= 2
    return add


def make_memory(cfg: MemoryCfg, inputs: int) -> Memory | None:
    """Return the memory of the settings for vectors of a length; None without memory.

    Torch's global generator draws the weights.
    """
    match cfg.kind:
        case "none":
            return None
        case "stack":
            return Stack(inputs, cfg.stack)
        case "gru":
            return Gru(inputs, cfg.size)
        case "lstm":
            return Lstm(inputs, cfg.size)
        case "scan":
            return Scan(inputs, cfg.size)

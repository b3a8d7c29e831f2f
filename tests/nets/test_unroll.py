"""Hand-written gradients against torch's own, of the same recurrences in a slow loop."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import grad

from puckrl.nets.recurrent import Gru, Lstm


def slow(memory: Gru | Lstm, x: Tensor) -> Tensor:
    """Return the features of every step, one step after the other."""
    state, features = memory.start(len(x)).to(x), list[Tensor]()
    for step in range(x.shape[1]):
        now, state = memory(x[:, step], state)
        features.append(now)
    return torch.stack(features, dim=1)


@pytest.mark.parametrize("made", [Gru, Lstm])
def test_gradients_equal_those_of_a_loop(made: type[Gru | Lstm]) -> None:
    torch.manual_seed(0)
    memory = made(5, 7).double()
    x = torch.randn(3, 12, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, 12, 7, dtype=torch.float64)
    wanted = [x, *memory.parameters()]

    def gradients(run: Callable[[], Tensor]) -> tuple[Tensor, ...]:
        return torch.autograd.grad((run() * weights).sum(), wanted)

    fast = gradients(lambda: memory.sequence(x))
    for ours, theirs in zip(fast, gradients(lambda: slow(memory, x)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("made", [Gru, Lstm])
def test_gradients_pass_through_torch_func(made: type[Gru | Lstm]) -> None:
    torch.manual_seed(0)
    memory, x = made(5, 7).double(), torch.randn(3, 12, 5, dtype=torch.float64)
    ours = grad(lambda x: memory.sequence(x).square().sum())(x)
    theirs = grad(lambda x: slow(memory, x).square().sum())(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)

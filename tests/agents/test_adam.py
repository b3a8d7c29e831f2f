"""Adam on one vector is torch.optim.Adam."""

import pytest
import torch
from torch import Tensor

from puckrl.agents.adam import Adam

# float32 with sums in another order, over 50 steps of size lr
_TOLERANCE = 1e-5


def _gradients(count: int, rng: torch.Generator) -> list[Tensor]:
    """Gradients of very different sizes, some of them zero."""
    scales = torch.logspace(-6, 2, 40)
    return [
        torch.randn(40, generator=rng) * scales * (i % 7 != 0) for i in range(count)
    ]


@pytest.mark.parametrize("max_norm", [0.0, 1.0, 1e4])
def test_fifty_steps_equal_torch(max_norm: float, rng: torch.Generator) -> None:
    start = torch.randn(40, generator=rng)
    ours, theirs = start.clone(), start.clone().requires_grad_()
    adam, reference = Adam(ours, 1e-2, max_norm), torch.optim.Adam([theirs], 1e-2)
    for grad in _gradients(50, rng):
        adam.step(ours, grad)
        theirs.grad = grad.clone()
        if max_norm:
            torch.nn.utils.clip_grad_norm_([theirs], max_norm)
        reference.step()
    torch.testing.assert_close(ours, theirs.detach(), atol=_TOLERANCE, rtol=0)
    assert (ours - start).abs().mean() > 0.05  # it did move


def test_the_norm_is_that_before_clipping() -> None:
    vector = torch.zeros(2)
    assert Adam(vector, 0.1, 1.0).step(vector, torch.tensor([3.0, 4.0])) == 5.0


def test_clipping_leaves_short_gradients_alone() -> None:
    clipped, free = torch.zeros(2), torch.zeros(2)
    for grad in (torch.tensor([0.3, 0.4]), torch.tensor([0.1, -0.2])):
        for vector, norm in ((clipped, 10.0), (free, 0.0)):
            Adam(vector, 0.1, norm).step(vector, grad)
    assert torch.equal(clipped, free)


def test_step_size_zero_moves_nothing(rng: torch.Generator) -> None:
    vector = torch.ones(3)
    Adam(vector, 0.0).step(vector, torch.randn(3, generator=rng))
    assert torch.equal(vector, torch.ones(3))


def test_its_state_is_live(rng: torch.Generator) -> None:
    vector = torch.zeros(40)
    adam = Adam(vector, 1e-2)
    state = adam.state()
    for grad in _gradients(5, rng):
        adam.step(vector, grad)
    assert state["steps"] == 5
    assert state["first"] is adam.first
    assert state["second"] is adam.second

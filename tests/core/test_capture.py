"""A captured function does what the eager one does."""

import pytest
import torch
from torch import Tensor

from puckrl.core.capture import Captured


@pytest.mark.gpu
def test_captured_equals_eager_through_warm_up_recording_and_replay(
    device: torch.device,
) -> None:
    total = torch.zeros(4, device=device)

    def accumulate(batch: dict[str, Tensor], scale: Tensor) -> tuple[Tensor, Tensor]:
        total.add_(batch["x"] * scale)
        return total * 1.0, batch["x"].sum()

    captured = Captured(accumulate)
    expected = torch.zeros(4, device=device)
    for i in range(10):
        x = torch.arange(4.0, device=device) + i
        scale = torch.full((), 0.5 * i, device=device)
        running, added = captured({"x": x}, scale)
        expected += x * scale
        assert torch.equal(total, expected), f"call {i}: state"
        assert torch.equal(running, expected), f"call {i}: first result"
        assert added == x.sum(), f"call {i}: second result"


@pytest.mark.gpu
def test_inputs_may_be_reused_by_the_caller(device: torch.device) -> None:
    captured = Captured(lambda x: x + 1)
    x = torch.zeros(2, device=device)
    for _ in range(6):
        captured(x)
    x += 5
    y = captured(x).clone()
    x.zero_()
    assert y.tolist() == [6.0, 6.0]

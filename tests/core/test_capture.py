"""A captured function does what the eager one does."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from puckrl.core.capture import Captured


class Tape:
    """Repeats a call instead of kernels."""

    def __init__(self) -> None:
        self.collected_garbage: list[bool] = []
        self._function: Callable[[], Any] = lambda: None
        self._result = torch.zeros(())

    def record(self, function: Callable[[], Any]) -> Any:
        self.collected_garbage.append(gc.isenabled())
        self._function = function
        self._result = torch.zeros_like(function())
        return self._result

    def replay(self) -> None:
        self._result.copy_(self._function())


def test_inputs_of_every_type_and_size_reach_the_recording() -> None:
    captured = Captured(lambda x, n, y, big: x * n + y + big.sum(), Tape())
    for i in range(8):
        x, n, y = torch.full((2,), 0.5 * i), torch.tensor([i, 2]), torch.ones(2) * i
        big = torch.zeros(1_500_000, dtype=torch.uint8)
        big[-1] = i
        assert torch.equal(captured(x, n, y, big), x * n + y + i), f"call {i}"


def test_an_input_may_be_missing() -> None:
    def added(pair: dict[str, Tensor | None]) -> Tensor:
        x, y = pair["x"], pair["y"]
        assert x is None
        assert y is not None
        return y + 1

    captured = Captured(added, Tape())
    for i in range(8):
        y = torch.full((2,), float(i))
        assert torch.equal(captured({"x": None, "y": y}), y + 1), f"call {i}"


def test_no_garbage_is_collected_during_a_recording() -> None:
    tape = Tape()
    captured = Captured(lambda x: x + 1, tape)
    for _ in range(6):
        captured(torch.zeros(2))
    assert tape.collected_garbage == [False]
    assert gc.isenabled()


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

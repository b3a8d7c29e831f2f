"""Work side by side, and what comes after it."""

import pytest
import torch
from torch import Tensor

from puckrl.core.capture import Captured
from puckrl.core.stream import beside


def test_all_are_called_with_the_arguments(device: torch.device) -> None:
    both = beside([lambda x, y: x + y, lambda x, y: x * y], device)
    assert both(3, 4) == [7, 12]


@pytest.mark.gpu
def test_strands_of_a_recording_begin_after_what_was_before_and_end_before_the_rest(
    device: torch.device,
) -> None:
    a, b = torch.zeros(2, 2048, 2048, device=device).unbind()

    def slowly(x: Tensor, sum_: Tensor) -> Tensor:
        for _ in range(20):
            sum_.copy_(torch.eye(2048, device=device) @ sum_ + x)
        return sum_[0, 0] * 1.0

    both = beside([lambda x: slowly(x, a), lambda x: slowly(2 * x, b)], device)

    def round_(x: Tensor) -> Tensor:
        a.zero_()
        b.zero_()
        first, second = both(x)
        return first + second

    captured = Captured(round_)
    for i in range(8):
        x = torch.full((), float(i), device=device)
        assert float(captured(x)) == 20 * 3 * i, f"call {i}"

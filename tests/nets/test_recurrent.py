"""Memories against slow loops, torch's own GRU and LSTM, and values worked by hand."""

import pytest
import torch
from torch import nn

from puckrl.nets.flat import Flat
from puckrl.nets.memory import MemoryCfg, MemoryKind
from puckrl.nets.recurrent import (
    Gru,
    Lstm,
    Memory,
    Stack,
    linear_scan,
    make_memory,
)

KINDS: tuple[MemoryKind, ...] = ("stack", "gru", "lstm", "scan")


def made(kind: MemoryKind, inputs: int = 5) -> Memory:
    """Return a memory with drawn weights."""
    torch.manual_seed(0)
    memory = make_memory(MemoryCfg(kind, stack=3, size=7), inputs)
    assert memory is not None
    return memory


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 2, 7, 33])
def test_a_sequence_equals_its_steps(kind: MemoryKind, length: int) -> None:
    memory = made(kind)
    x = torch.randn(4, length, 5)
    state = memory.start(4)
    features: list[torch.Tensor] = []
    for step in range(length):
        now, state = memory(x[:, step], state)
        features.append(now)
    assert state.shape == (4, memory.state_size)
    slow = torch.stack(features, dim=1)
    assert slow.shape == (4, length, memory.size)
    torch.testing.assert_close(memory.sequence(x), slow, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_knows_the_past_and_not_the_future(kind: MemoryKind) -> None:
    memory = made(kind)
    x = torch.randn(2, 6, 5)
    changed = x.clone()
    changed[:, 3] += 1
    differs = (memory.sequence(x) != memory.sequence(changed)).any(-1)[0]
    assert not differs[:3].any()
    assert differs[3:].all() if kind != "stack" else differs[3:6].all()


@pytest.mark.parametrize(("ours", "torchs"), [(Gru, nn.GRU), (Lstm, nn.LSTM)])
def test_gates_are_torchs(
    ours: type[Gru | Lstm], torchs: type[nn.GRU | nn.LSTM]
) -> None:
    memory, reference = ours(5, 7), torchs(5, 7, batch_first=True)
    names = {"weight_x": "weight_ih_l0", "weight_h": "weight_hh_l0"}
    names |= {"bias_x": "bias_ih_l0", "bias_h": "bias_hh_l0"}
    for our, their in names.items():
        getattr(memory, our).data.copy_(getattr(reference, their))
    x = torch.randn(4, 150, 5)
    torch.testing.assert_close(memory.sequence(x), reference(x)[0], rtol=0, atol=2e-6)


def test_a_stack_by_hand() -> None:
    x = torch.tensor([[[1.0], [2.0], [3.0]]])
    expected = [[0, 0, 1], [0, 1, 2], [1, 2, 3]]
    assert Stack(1, 3).sequence(x)[0].tolist() == expected


def test_the_scan_equals_a_loop_in_float64() -> None:
    keep, add = torch.rand(2, 3, 100, 4, dtype=torch.float64)
    h = torch.zeros(3, 4, dtype=torch.float64)
    for step in range(100):
        h = keep[:, step] * h + add[:, step]
        torch.testing.assert_close(linear_scan(keep, add)[:, step], h)


def test_the_scan_by_hand() -> None:
    keep = torch.tensor([[[0.5], [0.5], [0.0], [2.0]]])
    add = torch.tensor([[[1.0], [1.0], [3.0], [1.0]]])
    assert linear_scan(keep, add)[0, :, 0].tolist() == [1.0, 1.5, 3.0, 7.0]


@pytest.mark.parametrize("kind", ["gru", "lstm", "scan"])
def test_gradients_reach_every_parameter_through_a_flat_vector(
    kind: MemoryKind,
) -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.memory = made(kind)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.memory.sequence(x)[:, -1]

    flat = Flat(Last())
    x = torch.randn(3, 9, 5)
    grad = torch.func.grad(lambda vector: flat(vector, x).square().sum())(flat.vector)
    assert all(part.abs().sum() > 0 for part in flat.split(grad).values())
    # the first step counts for the last features
    first = torch.func.grad(lambda x: flat(flat.vector, x).sum())(x)[:, 0]
    assert first.abs().sum() > 0

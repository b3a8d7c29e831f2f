"""Errors that are not ours, said in one line."""

import numpy as np
import pytest
import torch

from puckrl.core.errors import out_of_memory


def test_what_torch_and_numpy_raise() -> None:
    with pytest.raises(RuntimeError) as torchs:
        torch.empty(10**14)
    said = out_of_memory(torchs.value)
    assert said is not None
    assert said.startswith("no memory for 400,000.0 GB more")
    with pytest.raises(MemoryError) as numpys:
        np.zeros(10**17, dtype=np.uint8)
    assert out_of_memory(numpys.value) is not None


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has", "20.00 MiB"),
        ("Failed to allocate 5000000000 bytes on device 'cuda:0'", "5.0 GB"),
    ],
    ids=["torch on CUDA", "Warp"],
)
def test_what_gpus_raise(text: str, amount: str) -> None:
    assert f"no memory for {amount} more" in (out_of_memory(RuntimeError(text)) or "")


def test_other_errors_are_left_alone() -> None:
    assert (
        out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
    )

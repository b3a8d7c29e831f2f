"""What the machine offers: devices by name, threads, memory that is kept."""

import subprocess
import sys

import pytest
import torch

from puckrl.core.errors import UserError
from puckrl.core.runtime import has_fast_bf16, pick_device, torch_threads

KEPT = """
import resource
import numpy as np
from puckrl.core.runtime import keep_memory

{keep}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(3):
    np.ones(40 << 20, dtype=np.uint8)
before = faults()
for _ in range(10):
    np.ones(40 << 20, dtype=np.uint8)
print(faults() - before)
"""


def page_faults(keep: str) -> int:
    """Faults of ten blocks of 40 MB, one after the other, in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", KEPT.format(keep=keep)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_freed_blocks_are_used_again_without_page_faults() -> None:
    kept, returned = page_faults("keep_memory()"), page_faults("")
    assert returned >= 10 * 20  # a fault for 4 kB, or for 2 MB
    assert kept < returned / 4


def test_a_device_that_is_not_there_is_refused() -> None:
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(UserError, match="no device 'abacus'; legal: auto, cpu"):
        pick_device("abacus")


def test_threads_are_put_back_even_after_an_error() -> None:
    before = torch.get_num_threads()

    def fail() -> None:
        with torch_threads(1):
            assert torch.get_num_threads() == 1
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("card", "capability", "fast"),
    [("T4", (7, 5), False), ("A100", (8, 0), True), ("H100", (9, 0), True)],
)
def test_gpus_multiply_bfloat16_since_ampere(
    card: str, capability: tuple[int, int], fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert has_fast_bf16(torch.device("cuda")) == fast, card

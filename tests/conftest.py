"""Fixtures that every test may ask for."""

import os
import sys
import tempfile
from pathlib import Path

import pytest
import torch


def pytest_configure(config: pytest.Config) -> None:
    # Tiny tensors: a second thread costs more than it brings, and with one thread
    # sums have one order, so that bit-for-bit comparisons mean something.
    torch.set_num_threads(1)
    # Compiled code of tests is kept from one run of the tests to the next, and not the user's
    os.environ.setdefault("PUCK_CACHE", f"{tempfile.gettempdir()}/puckrl-tests")


@pytest.fixture(autouse=True)
def quick_curves(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let runs leave an empty curve.png: drawing it takes a third of a tiny run.

    Tests marked ``draws`` get the curve itself.
    """
    finish = sys.modules.get("puckrl.runner.finish")
    if finish is None or request.node.get_closest_marker("draws"):
        return

    def leave_empty(table: object, title: str, path: Path, verdict: object) -> None:
        path.touch()

    monkeypatch.setattr(finish, "curve", leave_empty)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> torch.device:
    """CUDA for tests marked ``gpu`` (skipped where there is none), else the CPU."""
    if request.node.get_closest_marker("gpu") is None:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.device("cuda")


@pytest.fixture
def rng() -> torch.Generator:
    """A seeded stream of the test's own."""
    return torch.Generator().manual_seed(0)

"""Tiny runs, made once for all files that use them."""

from pathlib import Path

import pytest

import puckrl
from tests.api.tiny import SEEING, SHOWN, TINY


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of run folders."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def tiny_run(runs: Path) -> puckrl.Run:
    """A run from state; nobody writes to it."""
    return puckrl.train(TINY, runs=runs)


@pytest.fixture(scope="session")
def seeing_run(runs: Path) -> puckrl.Run:
    """A run whose actor sees; nobody writes to it."""
    return puckrl.train(SEEING, runs=runs)


@pytest.fixture(scope="session")
def shown_run(runs: Path) -> puckrl.Run:
    """A run whose goals are pictures; nobody writes to it."""
    return puckrl.train(SHOWN, runs=runs)

"""Three tiny runs, and what is exported of them; nobody writes to these folders."""

from dataclasses import replace
from pathlib import Path

import pytest

import puckrl
from puckrl.deploy.export import Exported, export_run
from puckrl.deploy.proof import Effort
from puckrl.nets.memory import MemoryCfg
from tests.api.tiny import SEEING, TINY

EFFORT = Effort(episodes=8, observations=100, sequence=60, worlds=8)
SHORT = {"budget.env_steps": 200}
GRU = replace(TINY, agent=replace(TINY.agent, memory=MemoryCfg("gru", size=8, steps=4)))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of run folders."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def tiny_run(runs: Path) -> puckrl.Run:
    """A run from state."""
    return puckrl.train(TINY.with_(**SHORT), runs=runs)


@pytest.fixture(scope="session")
def exported(tiny_run: puckrl.Run, runs: Path) -> Exported:
    """The policy of a run from state."""
    return export_run(str(tiny_run.path), runs, effort=EFFORT)


@pytest.fixture(scope="session")
def exported_gru(runs: Path) -> Exported:
    """A policy with a memory."""
    run = puckrl.train(GRU.with_(**SHORT), runs=runs)
    return export_run(str(run.path), runs, effort=EFFORT)


@pytest.fixture(scope="session")
def exported_pixels(runs: Path) -> Exported:
    """A policy with a camera."""
    run = puckrl.train(SEEING.with_(**SHORT), runs=runs)
    return export_run(str(run.path), runs, effort=EFFORT)

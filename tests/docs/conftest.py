"""A folder in which pages are tried."""

from dataclasses import replace
from pathlib import Path

import pytest

from puckrl.config.presets import PRESETS
from tests.api.tiny import SEEING, TINY


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which presets train for a second."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PUCK_RUNS", raising=False)
    for name in ("reach", "push"):
        monkeypatch.setitem(PRESETS, name, replace(TINY, preset=name, task=name))
    pixels = replace(SEEING, preset="push-pixels")
    monkeypatch.setitem(PRESETS, "push-pixels", pixels)
    return tmp_path

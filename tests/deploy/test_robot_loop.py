"""The example of a robot's loop runs as it is printed, at the control rate."""

import runpy
import time
from pathlib import Path

import pytest

from puckrl.deploy.export import Exported

EXAMPLE = Path(__file__).parent.parent.parent / "examples/deploy/robot_loop.py"


def test_it_keeps_the_control_rate(
    exported_gru: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    script = runpy.run_path(str(EXAMPLE))
    script["main"].__globals__["SECONDS"] = 0.4
    begun = time.monotonic()
    script["main"](exported_gru.path)
    assert time.monotonic() - begun >= 0.4
    assert "'calls': 10" in capsys.readouterr().out

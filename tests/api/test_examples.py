"""The examples run as they stand, on a budget of seconds, and are as short as promised."""

import importlib.util
import runpy
import sys
from pathlib import Path

import pytest

import puckrl
from puckrl.config.presets import PRESETS
from tests.api.tiny import SEEING

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.mark.parametrize(
    ("name", "limit"),
    [("own_encoder.py", 40), ("play_policy.py", 20), ("goal_by_picture.py", 30)],
)
def test_it_is_short(name: str, limit: int) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) < limit


def test_own_encoder_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PRESETS, "push-pixels", SEEING)
    spec = importlib.util.spec_from_file_location("own", EXAMPLES / "own_encoder.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    run: puckrl.Run = example.main(str(tmp_path))
    assert run.status == "finished"
    network = run.policy().spec.network
    assert network.encoder is not None
    assert network.encoder.kind.endswith("own_encoder.py:ColorGrid")
    assert run.path.name in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["tiny_run", "seeing_run"])
def test_play_policy_plays(
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run: puckrl.Run = request.getfixturevalue(kind)
    monkeypatch.setattr(sys, "argv", ["play_policy.py", str(run.path)])
    runpy.run_path(str(EXAMPLES / "play_policy.py"), run_name="__main__")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("success at the last step: ")
    assert 0.0 <= float(last.rpartition(" ")[2]) <= 1.0


def test_goal_by_picture_acts_towards_a_png(
    shown_run: puckrl.Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["goal_by_picture.py", str(shown_run.path)])
    runpy.run_path(str(EXAMPLES / "goal_by_picture.py"), run_name="__main__")
    last = capsys.readouterr().out.splitlines()[-1]
    assert 0.0 <= float(last.rpartition(" ")[2]) <= 1.0
    assert (tmp_path / "goal.png").is_file()

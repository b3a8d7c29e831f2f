"""`puck study` from the command line, with workers that train nothing."""

from functools import partial
from pathlib import Path

import pytest

from puckrl.cli import main
from puckrl.study import conduct
from puckrl.study.folder import amendments
from puckrl.study.local import LocalWorkers
from tests.study.small import STAND_IN

FILE = """\
base: reach
settings: {device: cpu}
seeds: %d
measure: final_success
arms:
  low: {agent.gamma: 0.5}
budget: {env_steps: 800}
"""


def test_begin_refuse_resume_amend(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        conduct, "LocalWorkers", partial(LocalWorkers, program=STAND_IN)
    )
    file, root = tmp_path / "gamma.yaml", tmp_path / "studies"
    file.write_text(FILE % 2)
    command = ["study", str(file), "--root", str(root)]

    def said(*more: str) -> tuple[int, str]:
        code = main([*command, *more])
        out = capsys.readouterr()
        return code, out.out + out.err

    code, words = said("--resume")
    assert (code, "to begin it, leave --resume out" in words) == (2, True)
    code, words = said()
    assert (code, "4 done" in words) == (0, True)
    (path,) = root.iterdir()
    code, words = said()
    assert (code, "4 runs have finished" in words) == (2, True)
    assert said("--resume")[0] == 0
    file.write_text(FILE % 3)
    code, words = said("--resume")
    assert (code, "--amend changes it" in words) == (2, True)
    code, words = said("--amend")
    assert (code, "6 done" in words) == (0, True)
    assert list(root.iterdir()) == [path]
    assert amendments(path)[0]["diff"] == ["-seeds: 2", "+seeds: 3"]


def test_a_dry_run_prints_the_plan_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, root = tmp_path / "gamma.yaml", tmp_path / "studies"
    file.write_text(FILE % 2)
    assert main(["study", str(file), "--root", str(root), "--dry-run"]) == 0
    words = capsys.readouterr().out
    assert "agent.gamma: 0.8 -> 0.5" in words
    assert "4 runs, 3,200 env steps" in words
    assert not root.exists()

"""`puck study` from the command line, with workers that train nothing."""

import json
from functools import partial
from pathlib import Path

import pytest

from puckrl.cli import main
from puckrl.study import conduct
from puckrl.study.folder import amendments
from puckrl.study.ledger import read_states
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


@pytest.fixture(autouse=True)
def workers_that_train_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = partial(LocalWorkers, program=STAND_IN)
    monkeypatch.setattr(conduct, "LocalWorkers", workers)


def test_begin_refuse_resume_amend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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


def test_a_sequential_study_stops_when_it_knows_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, root = tmp_path / "gamma.yaml", tmp_path / "studies"
    file.write_text(FILE % 10 + "stopping: sequential\n")
    assert main(["study", str(file), "--root", str(root)]) == 0
    (path,) = root.iterdir()
    done = [run for run in read_states(path).values() if run.state == "done"]
    arms = [run.arm for run in done]
    # 20 runs if nobody looked; whole pairs, plus at most those under way at the last look
    assert 8 <= len(done) < 20
    assert abs(arms.count("base") - arms.count("low")) <= 1
    page = (path / "report.md").read_text()
    assert "low" in page
    assert "better" in page
    said = " ".join(capsys.readouterr().out.split())
    first = page.split("\n\n")[1].replace("**", "").replace("`", "")
    assert " ".join(first.split()) in said
    assert (path / "effects.png").is_file()
    assert "low" in (path / "effects.csv").read_text()


def test_a_study_of_fixed_seeds_counts_the_runs_that_have_no_value(
    tmp_path: Path,
) -> None:
    file, root = tmp_path / "gamma.yaml", tmp_path / "studies"
    file.write_text(FILE % 4)
    assert main(["study", str(file), "--root", str(root)]) == 0
    (path,) = root.iterdir()
    manifest = next((path / "runs").glob("low-*-s2")) / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "result": {}}))
    assert main(["study", str(file), "--root", str(root), "--resume"]) == 0
    page = (path / "report.md").read_text()
    assert "it has no final evaluation" in page

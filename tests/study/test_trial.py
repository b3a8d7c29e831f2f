"""A run for its numbers."""

from pathlib import Path

from puckrl.report.rows import read_verdicts
from puckrl.study.trial import trial
from tests.runner.test_session import limited


def test_a_trial_leaves_numbers_and_what_is_kept(tmp_path: Path) -> None:
    made = trial(limited(400), keep=tmp_path)
    assert made.manifest["status"] == "finished"
    assert [row["env_steps"] for row in made.evaluations] == [300, 400]
    (folder,) = tmp_path.iterdir()
    verdicts = read_verdicts(folder / "metrics.jsonl")
    assert [row["env_steps"] for row in verdicts] == [300, 400]
    assert not (folder / "checkpoints").exists()

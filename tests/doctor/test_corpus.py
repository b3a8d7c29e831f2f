"""The corpus: storing, labels, and scores on runs whose truth is known."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import corpus
from benchmarks.corpus import Label
from puckrl.core.errors import UserError
from puckrl.training.sinks import LogRow

NEVER = math.inf
FACTS = '{"modality": "state", "update_ratio": 0.25, "usual_takeoff_updates": 2500}'
LABEL = Label("push", "a", "develop", "here", 1e3, 30e3, 60e3, NEVER, "", FACTS)


def climb(end: int = 100) -> list[LogRow]:
    """Flat until 30 k env steps, settled from 60 k on."""
    rows: list[LogRow] = []
    for i in range(1, end + 1):
        level = 0.05 if i <= 30 else min(0.97, 0.05 + 0.03 * (i - 30))
        clock: LogRow = {"env_steps": 1000.0 * i, "updates": 250.0 * i}
        rows.append(clock | {"train/critic_loss": 0.1})
        if i % 2 == 0:
            wobble = 0.01 * (i % 4 - 1)
            rows.append(
                clock | {"eval/success": level + wobble, "eval/episodes": 200.0}
            )
    return rows


def test_rows_and_labels_come_back(tmp_path: Path) -> None:
    rows = climb()
    path = corpus.store(tmp_path, "push", "a", rows)
    first = path.read_bytes()
    assert corpus.load(tmp_path, LABEL) == rows
    assert corpus.store(tmp_path, "push", "a", rows).read_bytes() == first
    other = replace(LABEL, name="b", take_off=NEVER, sickness="dead flat")
    corpus.write_labels(tmp_path, [other, LABEL])
    assert corpus.read_labels(tmp_path) == [LABEL, other]


def test_long_runs_are_thinned_but_every_evaluation_stays(tmp_path: Path) -> None:
    rows = climb(3000)
    corpus.store(tmp_path, "push", "a", rows)
    kept = corpus.load(tmp_path, LABEL)
    judged = [r for r in rows if "eval/success" in r]
    assert [r for r in kept if "eval/success" in r] == judged
    assert len(kept) - len(judged) <= 400


def test_a_missing_or_broken_corpus(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no labels\.csv"):
        corpus.read_labels(tmp_path)
    corpus.write_labels(tmp_path, [LABEL])
    path = tmp_path / "labels.csv"
    path.write_text(path.read_text().replace("develop", "somewhere"))
    with pytest.raises(UserError, match="wanted family"):
        corpus.read_labels(tmp_path)


def test_the_true_phase() -> None:
    fallen = replace(LABEL, collapsed=90e3)
    moments = (500.0, 2e3, 30e3, 59e3, 60e3, 95e3)
    assert [fallen.phase(m) for m in moments] == [
        "warm-up", "flat", "climb", "climb", "converged", "collapsed",
    ]  # fmt: skip


def test_proposals_come_from_the_evaluations() -> None:
    found = corpus.proposed(climb())
    # 0.05 at 30 k, 0.16 at 34 k; within 0.05 of 0.97 from 60 k on
    assert found["take_off"] == 33e3
    assert found["settled"] == 60e3
    assert found["first_update"] == 1e3
    flat = corpus.proposed(climb()[:40])
    assert flat["take_off"] == flat["settled"] == NEVER


def test_a_right_doctor_scores_and_a_wrong_label_costs() -> None:
    good = corpus.score(LABEL, climb())
    assert good.judged > 10
    assert good.right == good.judged
    assert good.found
    assert not good.called_dead
    wrong = corpus.score(replace(LABEL, take_off=80e3, settled=NEVER), climb())
    assert wrong.right < 0.8 * wrong.judged
    ill = corpus.score(replace(LABEL, sickness="broken task"), climb())
    assert not ill.found


def test_death_is_asked_of_every_moment() -> None:
    """A patience of 4000 updates is over at 16 k env steps; the run took off at 30 k."""
    hasty = replace(LABEL, facts=FACTS.replace("2500", "1000"))
    early, late = corpus.score(hasty, climb()), corpus.score(LABEL, climb())
    assert early.called_dead
    assert not late.called_dead
    found = corpus.summary([early, late])
    assert found["called_dead"] == 1
    assert found["dead_precision"] == 0.0


def test_two_runs_in_one_file_are_found() -> None:
    label = replace(LABEL, sickness="contaminated log")
    assert corpus.score(label, [*climb(), *climb(50)]).found


def test_summary_by_hand() -> None:
    score = corpus.Score(LABEL, 9, 10, False, True, "")
    dead = replace(LABEL, take_off=NEVER, sickness="dead flat")
    other = corpus.Score(dead, 5, 10, True, False, "")
    found = corpus.summary([score, other])
    assert found["phases_right"] == 0.7
    assert found["dead_precision"] == 1.0
    assert found["sick_found"] == 0.0
    assert found["healthy_left_in_peace"] == 1.0
    assert math.isnan(corpus.summary([score])["dead_precision"])


def test_success_while_training_stands_in_for_evaluations() -> None:
    trained = [
        {("train" + k[4:] if k == "eval/success" else k): v for k, v in row.items()}
        for row in climb()
    ]
    assert corpus.proposed(trained) == corpus.proposed(climb())


def test_calibration_by_hand() -> None:
    pairs = [(0.92, True), (0.94, False), (0.55, True)]
    low, high = corpus.calibration(pairs)
    assert (low["from"], low["verdicts"], low["right"]) == (0.5, 1, 1.0)
    assert (high["sure"], high["right"]) == (pytest.approx(0.93), 0.5)


def test_how_sure_it_was_is_kept_with_whether_it_was_right() -> None:
    pairs = corpus.sureness(LABEL, climb())
    assert len(pairs) >= 5
    assert all(right for sure, right in pairs if sure > 0.9)
    wrong = replace(LABEL, take_off=NEVER, settled=NEVER)
    assert not all(right for _, right in corpus.sureness(wrong, climb()))

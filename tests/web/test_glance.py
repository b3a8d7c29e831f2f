"""Following evaluations and verdicts without the rows between them."""

import json
from pathlib import Path

from puckrl.web.glance import Glance
from tests.web.made import STEPS, VERDICT, rows, text


def slowly(path: Path) -> list[float]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["eval/success"] for line in lines if "eval/success" in line]


def test_it_sees_what_a_slow_reader_sees(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    log.write_text(text(rows(30)))
    glance = Glance(log)
    assert glance.look()
    assert glance.evaluations.column("eval/success").tolist() == slowly(log)
    assert glance.clock["env_steps"] == 30 * 5 * STEPS
    assert not glance.look()


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    whole = text([*rows(8), {"env_steps": 9, "updates": 9, **VERDICT}])
    glance = Glance(log)
    assert not glance.look()
    for end in range(0, len(whole), 97):
        log.write_text(whole[:end])
        glance.look()
    log.write_text(whole)
    assert glance.look()
    assert glance.evaluations.column("eval/success").tolist() == slowly_of(whole)
    assert glance.verdict["doctor/phase"] == "take-off"
    assert glance.clock["env_steps"] == 8 * 5 * STEPS


def slowly_of(whole: str) -> list[float]:
    rows_ = [json.loads(line) for line in whole.splitlines()]
    return [row["eval/success"] for row in rows_ if "eval/success" in row]


def test_the_clock_is_that_of_training_after_an_evaluation(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    told = [*rows(2)]
    log.write_text(text(told))
    glance = Glance(log)
    glance.look()
    with log.open("a") as file:
        file.write(text([{"env_steps": 77_000, "updates": 5}]))
    assert glance.look()
    assert glance.clock["env_steps"] == 77_000


def test_a_log_that_a_resume_has_cut_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    log.write_text(text(rows(5)))
    glance = Glance(log)
    glance.look()
    log.write_text(text(rows(2)))
    assert glance.look()
    assert glance.evaluations.rows == 2


def test_lines_that_are_no_objects_are_skipped(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    log.write_text('{"eval/success": oops}\n["eval/success"]\n' + text(rows(1)))
    glance = Glance(log)
    glance.look()
    assert glance.evaluations.rows == 1

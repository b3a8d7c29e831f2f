"""What goes to metrics.jsonl comes back: numbers, NaN, and the doctor's verdicts."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from puckrl.core.errors import UserError
from puckrl.doctor.consult import consult
from puckrl.logs.events import read_events
from puckrl.logs.names import ours
from puckrl.monitor.regime import diagnose
from puckrl.monitor.signals import METRICS, VERDICT
from puckrl.monitor.table import from_rows
from puckrl.report.figures import curve
from puckrl.report.rows import read_rows, read_verdicts
from puckrl.training.live_doctor import LiveDoctor
from puckrl.training.sinks import JsonLines, LogRow, MultiSink, TensorBoard
from tests.monitor.lives import PUSH

OLD_RUNS = sorted((Path(__file__).parents[1] / "old_runs").iterdir())


def sick_rows() -> list[LogRow]:
    """A critic that is lost half-way; time to success is undefined from the start."""
    found: list[LogRow] = []
    for i in range(1, 31):
        clock: LogRow = {"env_steps": 1000 * i, "updates": 250 * i}
        found.append(clock | {"train/critic_loss": 0.125 if i < 15 else math.nan})
        judged: LogRow = {"eval/success": 0.0625, "eval/time_to_success_s": math.nan}
        found.append(clock | judged)
    found[-2]["train/critic_loss"] = math.inf
    return found


def write(path: Path, rows: list[LogRow]) -> None:
    sink = JsonLines(path)
    for row in rows:
        sink.write(row)
    sink.close()


def test_live_offline_and_resumed_say_the_same(tmp_path: Path) -> None:
    rows, path = sick_rows(), tmp_path / "metrics.jsonl"
    write(path, rows)
    live, resumed = (
        LiveDoctor(PUSH, "auto", []),
        LiveDoctor(PUSH, "auto", [], read_rows(path)),
    )
    for row in rows:
        live.write(row)
    resumed.write({"env_steps": 30_000, "eval/success": 0.0625})
    offline = diagnose(from_rows(read_rows(path)), PUSH)
    assert live.stop() == "diverged"
    assert offline == live.verdict
    assert resumed.stop() == "diverged"
    (patient,) = consult([path]).patients
    assert patient.verdict.finding("divergence") is not None


def test_the_file_is_json(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    write(path, [{"env_steps": 5, "train/q_mean": math.nan, "train/alpha": math.inf}])
    row = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert row == {"env_steps": 5, "train/q_mean": None, "train/alpha": None}


def test_what_is_undefined_is_no_divergence(tmp_path: Path) -> None:
    rows = [row for row in sick_rows() if "eval/success" in row]
    write(tmp_path / "metrics.jsonl", rows)
    table = from_rows(read_rows(tmp_path / "metrics.jsonl"))
    assert table.not_finite == {"eval/time_to_success_s": 30}
    assert diagnose(table, PUSH).finding("divergence") is None


def test_curves_skip_what_is_no_number(tmp_path: Path) -> None:
    table = from_rows(sick_rows())
    loss = table.curve("train/critic_loss")
    assert loss.x.tolist() == [1000 * i for i in range(1, 15)]
    assert loss.y.tolist() == [0.125] * 14
    curve(table, "sick", tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("5", "line 1 is no JSON object"),
        ("null", "line 1 is no JSON object"),
        ('{"env_steps": "ten"}', "line 1: env_steps is no number"),
        ("{", "line 1 is no JSON object"),
    ],
)
@pytest.mark.parametrize("rest", ["", '{"env_steps": 2}\n'])
def test_lines_that_are_no_rows(
    tmp_path: Path, line: str, words: str, rest: str
) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(f"{line}\n{rest}")
    if line == "{" and not rest:  # half-written: its writer may live
        assert read_rows(path) == []
        return
    with pytest.raises(UserError, match=words):
        read_rows(path)


def test_words_beside_the_numbers_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"env_steps": 1, "host": "here", "tags": ["a"], "won": true}\n')
    assert read_rows(path) == [{"env_steps": 1, "won": True}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12_345_678, "12345678"),  # a counter keeps all its digits
        (-1234.56789, "-1234.57"),
        (1.23456789e-7, "1.23457e-07"),
        (0.5, "0.5"),
        (math.nan, "null"),
        (-math.inf, "null"),
    ],
)
def test_six_digits_of_a_number_and_all_of_a_counter(
    tmp_path: Path, value: float, text: str
) -> None:
    path = tmp_path / "metrics.jsonl"
    write(path, [{"env_steps": 1, "updates": value}])
    assert path.read_text() == f'{{"env_steps": 1, "updates": {text}}}\n'


def training(levels: list[float]) -> list[LogRow]:
    """A row of training and an evaluation every 5000 env steps, as a run logs them."""
    found: list[LogRow] = []
    for i, level in enumerate(levels, start=1):
        clock: LogRow = {"env_steps": 5000 * i, "updates": 1250 * i}
        found.append(clock | {"train/critic_loss": 0.125, "train/success": level / 2})
        found.append(clock | {"eval/success": level, "eval/episodes": 128})
    return found


RISING = [0.0625, 0.0625, 0.0625, 0.25, 0.75, 0.9375, 1.0, 1.0]


def log(
    path: Path, rows: list[LogRow], before: list[LogRow], keep_until: int | None
) -> LiveDoctor:
    """Log rows as a session does: first the file, then the doctor that writes to it."""
    file = JsonLines(path, keep_until)
    doctor = LiveDoctor(PUSH, "budget", [file], before)
    sink = MultiSink([file, doctor])
    for row in rows:
        sink.write(row)
    sink.close()
    return doctor


def objects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_verdict_follows_each_evaluation(tmp_path: Path) -> None:
    path, rows = tmp_path / "metrics.jsonl", training(RISING)
    doctor = log(path, rows, [], None)
    kinds = ["doctor/phase" in line for line in objects(path)]
    assert kinds == [False, False, True] * len(RISING)

    verdicts = read_verdicts(path)
    assert [v["env_steps"] for v in verdicts] == [5000 * (i + 1) for i in range(8)]
    assert [v["updates"] for v in verdicts] == [1250 * (i + 1) for i in range(8)]
    phases = [v["doctor/phase"] for v in verdicts]
    assert phases[:2] == ["unknown", "flat"]
    assert "take-off" in phases
    last, said = verdicts[-1], doctor.verdict
    assert said is not None
    assert last["doctor/phase"] == said.phase == "converged"
    assert last["doctor/color"] == said.color
    assert last["doctor/advice"] == said.advice
    assert last["doctor/confidence"] == pytest.approx(said.confidence, rel=1e-5)


def test_a_logged_verdict_names_its_findings(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log(path, sick_rows(), [], None)
    first, *_ = read_verdicts(path)[-1]["doctor/findings"]
    assert (first["name"], first["color"]) == ("divergence", "red")
    assert "train/critic_loss was NaN" in first["reason"]


def test_numbers_come_back_without_the_verdicts(tmp_path: Path) -> None:
    path, rows = tmp_path / "metrics.jsonl", training(RISING)
    log(path, rows, [], None)
    assert read_rows(path) == rows


def test_logged_verdicts_change_no_verdict(tmp_path: Path) -> None:
    """One that contradicts the numbers, beside one log without any."""
    rows = training(RISING)
    without, contrary = tmp_path / "without.jsonl", tmp_path / "contrary.jsonl"
    write(without, rows)
    log(contrary, rows, [], None)
    text = contrary.read_text()
    contrary.write_text(text.replace('"converged"', '"collapsed"'))
    (one,), (other,) = consult([without]).patients, consult([contrary]).patients
    assert "collapsed" in contrary.read_text()
    assert one.verdict == other.verdict
    assert other.verdict.phase == "converged"
    assert other.log.unmapped == ()


def test_a_resumed_log_holds_each_verdict_once(tmp_path: Path) -> None:
    """The snapshot is older than the log: what follows it is written again."""
    whole, parted = tmp_path / "whole.jsonl", tmp_path / "parted.jsonl"
    rows = training(RISING)
    log(whole, rows, [], None)
    log(parted, rows[:12], [], None)
    with parted.open("a") as file:
        file.write('{"env_steps": 30000, "doctor/ph')  # killed while it wrote
    kept = JsonLines(parted, keep_until=20_000)
    kept.close()
    assert [v["env_steps"] for v in read_verdicts(parted)] == [5e3, 1e4, 1.5e4, 2e4]
    log(parted, rows[8:], read_rows(parted), 20_000)
    assert objects(parted) == objects(whole)


def test_tensorboard_gets_each_verdict_once(tmp_path: Path) -> None:
    file, board = JsonLines(tmp_path / "metrics.jsonl"), TensorBoard(tmp_path / "tb")
    sink = MultiSink([file, board, LiveDoctor(PUSH, "budget", [file, board])])
    for row in training(RISING):
        sink.write(row)
    sink.close()
    (events,) = (tmp_path / "tb").iterdir()
    tags = read_events(events, lambda name: True).tags
    assert tags["doctor/phase"].steps.tolist() == [5000 * (i + 1) for i in range(8)]


def test_the_glossary_describes_the_verdicts_row(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log(path, training(RISING), [], None)
    assert list(objects(path)[-1]) == list(VERDICT)


@pytest.mark.parametrize("run", OLD_RUNS, ids=lambda path: path.name)
def test_metrics_of_older_versions_have_their_present_names(run: Path) -> None:
    path = run / "metrics.jsonl"
    rows, logged = read_rows(path), objects(path)
    old, new = "probe/guess_error_m", "probe/goal_prediction_error_m"
    errors = [line[old] for line in logged if old in line]
    assert bool(errors) is ("pixels" in run.name)
    assert [row[new] for row in rows if new in row] == errors
    assert {name for row in rows for name in row} <= set(METRICS)
    assert read_verdicts(path) == []


def test_event_files_of_older_versions_have_their_present_names() -> None:
    assert ours("probe/guess_error_m", {}) == "probe/goal_prediction_error_m"

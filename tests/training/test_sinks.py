"""What goes to metrics.jsonl comes back, numbers that are none too."""

import json
import math
from pathlib import Path

import pytest

from puckrl.core.errors import UserError
from puckrl.doctor.consult import consult
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import from_rows
from puckrl.report.figures import curve
from puckrl.report.rows import column, read_rows
from puckrl.training.live_doctor import LiveDoctor
from puckrl.training.sinks import JsonLines, LogRow
from tests.monitor.lives import PUSH


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
    rows = sick_rows()
    assert column(rows, "train/critic_loss") == (
        [1000 * i for i in range(1, 15)],
        [0.125] * 14,
    )
    curve(rows, "sick", tmp_path / "curve.png")
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

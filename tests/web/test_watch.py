"""The command: what it refuses, and how it ends."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from puckrl.cli import main
from tests.web.made import made_run


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip()


def test_one_file_is_written_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = made_run(tmp_path), tmp_path / "page.html"
    line = ["watch", folder.path.name, "--runs", str(tmp_path), "--out", str(file)]
    assert main(line) == 0
    assert capsys.readouterr().out.startswith(f"{file} (")
    assert folder.path.name in file.read_text()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["nowhere"], "no log at nowhere"),
        (["reach-c0fcab48-s1"], "did you mean reach-c0fcab48-s0"),
        (["--runs", "nowhere"], "no folder nowhere; puck train makes it"),
        (["--out", "page.txt"], "a page ends in .html"),
        (
            ["--out", "missing/page.html"],
            "cannot write missing/page.html: No such file",
        ),
        (["--map", "x"], "--map"),
        (["--fact", "gamma=x"], "gamma"),
        (["--port", "x"], "--port"),
        (["--port", "70000"], "--port"),
        (["--host", "203.0.113.1"], "cannot listen on 203.0.113.1"),
        (["--host", "no such host"], "cannot listen on no such host"),
        (["--prt", "1"], "did you mean --port"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    made_run(tmp_path / "runs")
    assert main(["watch", *line]) == 2
    told = said(capsys)
    assert words in told
    assert told.count("\n") == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)]
)
def test_it_serves_until_it_is_interrupted(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    made_run(tmp_path / "runs")
    command = [sys.executable, "-m", "puckrl", "watch", "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as answer:
            assert b"puck watch" in answer.read()
        process.send_signal(number)
        assert process.wait(10) == code
        assert "Traceback" not in process.stderr.read()

"""Tutorials run as they stand, line by line, with runs of a second.

Python blocks of a page share one namespace; one whose first line names a file is written
to it. Lines of ``bash`` blocks go to ``puck``, where RUN and RUN2 are the page's last runs.
"""

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from puckrl.cli import main
from puckrl.config.presets import PRESETS
from puckrl.core.errors import Exit
from tests.api.tiny import SEEING, TINY

TUTORIALS = Path(__file__).parent.parent.parent / "docs/tutorials"
PAGES = sorted(path.stem for path in TUTORIALS.glob("*.md"))
_BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# (\w+\.py)\n")
_SHORT = ["--budget.env-steps", "200"]
_SMALL = [
    *("--sim.num-worlds", "2", "--sim.num-threads", "1", "--device", "cpu"),
    *("--agent.hidden", "16", "--agent.batch-size", "8", "--loop.no-compile"),
    *("--loop.warm-up-episodes", "2", "--eval.episodes", "2"),
    *("--eval.final-episodes", "2", "--save.no-video", "--save.no-tensorboard"),
]
"""For a task of a page's own, which trains with the settings of Push."""


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which presets train for a second."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PUCK_RUNS", raising=False)
    for name in ("reach", "push"):
        monkeypatch.setitem(PRESETS, name, replace(TINY, preset=name, task=name))
    pixels = replace(SEEING, preset="push-pixels")
    monkeypatch.setitem(PRESETS, "push-pixels", pixels)
    return tmp_path


def last_runs(folder: Path) -> list[str]:
    """Return the names of the run folders, the newest first."""
    found = sorted(folder.glob("runs/*/"), key=lambda path: path.stat().st_ctime_ns)
    return [path.name for path in reversed(found)]


def named(text: str, folder: Path) -> str:
    """Return text with the names of runs in it."""
    if not re.search(r"\bRUN2?\b", text):
        return text
    names = last_runs(folder)
    text = re.sub(r'"RUN"', f'"{names[0]}"', text)
    other = next((name for name in names[1:]), "")
    return re.sub(r"\bRUN2\b", other, re.sub(r"\bRUN\b", names[0], text))


def run_line(line: str, folder: Path) -> int:
    """Run a command of a tutorial with a small budget; return its exit code."""
    program, *args = shlex.split(named(line, folder))
    assert program == "puck", line
    if args[0] == "train":
        args += [*_SHORT, *_SMALL] if ".py:" in args[1] else _SHORT
    return main(args)


@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial_runs(
    page: str, short: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"__name__": "tutorial"}
    blocks = _BLOCK.findall((TUTORIALS / f"{page}.md").read_text())
    assert blocks
    for language, text in blocks:
        if language == "bash":
            for line in text.splitlines():
                code = run_line(line, short)
                error = capsys.readouterr().err
                assert code in (Exit.DONE, Exit.SICK), f"{line}: {error}"
        elif file := _FILE.match(text):
            (short / file[1]).write_text(text)
        else:
            exec(named(text, short), names)


def test_there_is_a_tutorial_for_every_beginning() -> None:
    assert PAGES == ["doctor", "from-sb3", "own-encoder", "own-task", "train"]

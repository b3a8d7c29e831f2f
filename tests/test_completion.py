"""What a shell is told when somebody presses tab."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from puckrl.agents.settings import MODES
from puckrl.cli.options import SHELLS
from puckrl.config.fields import settings
from puckrl.config.presets import PRESETS, preset
from tests.test_starts import HEAVY, OPTIONAL

OLD_RUNS = Path(__file__).parent / "old_runs"
RUNS = {path.name for path in OLD_RUNS.iterdir()}
GAP = "\013"
_SPY = """
import os, sys
leave = os._exit
def spy(code):
    print("loaded", *{name.partition(".")[0] for name in sys.modules}, flush=True)
    leave(code)
os._exit = spy
from puckrl.__main__ import main
main()
"""


def offered(line: str, folder: Path) -> tuple[set[str], set[str]]:
    """Return what may follow on a line, and the packages that were loaded to say so."""
    answer = folder / "answer"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_IFS": GAP,
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    done = subprocess.run(
        [sys.executable, "-c", _SPY],
        cwd=folder,
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    words = {word.strip() for word in answer.read_text().split(GAP)} - {""}
    return words, set(done.stdout.split()[1:])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("puck comp", {"compare", "completion"}),
        ("puck train slide", {"slide", "slide-dense", "slide-gpu"}),
        ("puck plan ", set(PRESETS)),
        ("puck train reach --agent.tar", {"--agent.target-noise", "--agent.target-noise-clip"}),
        ("puck train push --agent.tar", {"--agent.target-entropy"}),
        ("puck train push --agent.precision ", {"fp32", "bf16"}),
        ("puck train push --seed 3 --sim.backend w", {"warp"}),
        ("puck plan push-pixels --loop.no-", {"--loop.no-overlap", "--loop.no-compile"}),
        ("puck train push --agent.actor-sensors ", set(MODES)),
        ("puck check ", {"reach", "push", "slide", "pick-place", "peg-insert"}),
        (f"puck eval --runs {OLD_RUNS} ", RUNS),
        (f"puck train --runs {OLD_RUNS} --resume reach", {"reach-5f0c6ce8-s0"}),
        ("puck runs --status s", {"stopped"}),
        ("puck completion ", set(SHELLS)),
        ("puck eval --ro", set[str]()),
    ],
)  # fmt: skip
def test_a_word_is_completed_without_torch(
    line: str, words: set[str], tmp_path: Path
) -> None:
    found, loaded = offered(line, tmp_path)
    assert found == words
    assert not loaded & {*HEAVY, *OPTIONAL}


def test_every_setting_of_a_preset_is_offered(tmp_path: Path) -> None:
    known = {s.flag for s in settings(preset("push-pixels")) if s.name != "agent.kind"}
    found, _ = offered("puck train push-pixels --", tmp_path)
    assert known <= found
    assert {"--runs", "--stop", "--agent.vision.no-shared"} <= found
    assert not found & {"--root", "--agent.kind"}


def test_files_are_offered_where_no_name_begins_so(tmp_path: Path) -> None:
    (tmp_path / "pusher.py").touch()
    assert offered("puck train pushe", tmp_path)[0] == {"pusher.py"}
    shutil.copytree(OLD_RUNS, tmp_path / "runs")
    assert offered("puck doctor reach", tmp_path)[0] == {"reach-5f0c6ce8-s0"}
    (tmp_path / "reached.csv").touch()
    both = {"reach-5f0c6ce8-s0", "reached.csv"}
    assert offered("puck doctor reach", tmp_path)[0] == both


def test_bash_itself_completes(tmp_path: Path) -> None:
    """The code that ``puck completion bash`` prints, run by bash as tab runs it."""
    puck = tmp_path / "puck"
    puck.write_text(f'#!/bin/sh\nexec {sys.executable} -m puckrl "$@"\n')
    puck.chmod(0o755)
    script = """
        eval "$(puck completion bash)"
        COMP_LINE="puck train push-pi" COMP_POINT=18 COMP_TYPE=9
        _python_argcomplete puck
        printf '%s\\n' "${COMPREPLY[@]}"
        complete -p puck
    """
    done = subprocess.run(
        ["bash", "-c", script],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    *words, registered = done.stdout.splitlines()
    expected = {name for name in PRESETS if name.startswith("push-pi")}
    assert {word.strip() for word in words} == expected
    assert registered.endswith("-F _python_argcomplete puck")


@pytest.mark.parametrize(
    ("shell", "word"),
    [("zsh", "compdef _python_argcomplete puck"), ("fish", "complete --command puck")],
)
def test_other_shells_get_their_own_code(
    shell: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from puckrl.cli import main

    assert main(["completion", shell]) == 0
    assert word in capsys.readouterr().out

"""Lines of pages, run as a reader would type them, with presets that train for a second."""

import re
import shlex
from pathlib import Path

from puckrl.cli import main

BLOCK = re.compile(r"^```(python|bash|sh)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SHORT = ["--budget.env-steps", "200"]
_SMALL = [
    *("--sim.num-worlds", "2", "--sim.num-threads", "1", "--device", "cpu"),
    *("--agent.hidden", "16", "--agent.batch-size", "8", "--loop.no-compile"),
    *("--loop.warm-up-episodes", "2", "--eval.episodes", "2"),
    *("--eval.final-episodes", "2", "--save.no-video", "--save.no-tensorboard"),
]
"""For a task of a page's own, which trains with the settings of Push."""


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
    program, *args = shlex.split(named(line, folder), comments=True)
    assert program == "puck", line
    if "--resume" in args:
        args += ["--budget.env-steps", "400"]
    elif args[0] == "train":
        args += [*_SHORT, *_SMALL] if ".py:" in args[1] else _SHORT
    return main(args)

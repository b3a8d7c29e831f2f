"""Tutorials run as they stand, line by line, with runs of a second.

Python blocks of a page share one namespace; one whose first line names a file is written
to it. Lines of ``bash`` blocks go to ``puck``, where RUN and RUN2 are the page's last runs.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from puckrl.core.errors import Exit
from tests.docs.lines import BLOCK, named, run_line

TUTORIALS = Path(__file__).parent.parent.parent / "docs/tutorials"
PAGES = sorted(path.stem for path in TUTORIALS.glob("*.md"))
_FILE = re.compile(r"# (\w+\.py)\n")


@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial_runs(
    page: str, short: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"__name__": "tutorial"}
    blocks = BLOCK.findall((TUTORIALS / f"{page}.md").read_text())
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

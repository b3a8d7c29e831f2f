"""The documentation: a page for each command, pictures from their script, a site without warnings."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from puckrl.cli import _WITH_SETTINGS
from puckrl.cli.examples import EXAMPLES
from puckrl.cli.parser import COMMANDS, make_parser

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
NAMES = [name for words in COMMANDS.values() for name in words]


@pytest.mark.parametrize("command", NAMES)
def test_each_command_has_a_page_with_its_options(command: str) -> None:
    text = (DOCS / f"how-to/{command}.md").read_text()
    assert f".. puck-help:: {command}\n" in text
    assert f"({command}.md)" in (DOCS / "how-to/index.md").read_text()
    lines = re.findall(r"^puck (\S+)", text, re.MULTILINE)
    assert command in lines
    assert set(lines) <= set(NAMES)


@pytest.mark.parametrize("command", [*EXAMPLES])
def test_examples_in_the_help_are_command_lines(command: str) -> None:
    text = make_parser().commands[command].format_help()
    for number, (line, why) in enumerate(EXAMPLES[command]):
        program, *args = shlex.split(line)
        found, rest = make_parser().parse_known_args(args)
        assert program == "puck"
        assert number or found.command == command  # later ones may use what it made
        assert not rest or command in _WITH_SETTINGS  # tyro parses these
        assert why in text


def test_pages_link_to_pages_that_exist() -> None:
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page}: {link}"


def test_every_page_is_in_a_table_of_contents() -> None:
    """Sphinx warns of the others, and a warning ends ``make docs``."""
    pages = {p for p in DOCS.rglob("*.md") if "_site" not in p.parts}
    listed = {DOCS / "index.md", DOCS / "experiments/README.md"}  # the last is excluded
    for page in pages:
        for block in re.findall(r"```{toctree}\n(.*?)```", page.read_text(), re.S):
            lines = [x for x in block.splitlines() if x and not x.startswith(":")]
            for line in lines:
                name = line.rpartition("<")[2].rstrip(">")  # TITLE <NAME>, or NAME
                listed |= set(page.parent.glob(f"{name}.md"))
    assert sorted(pages - listed) == []


def test_pictures_are_those_that_the_script_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = runpy.run_path(str(DOCS / "pictures.py"))
    script["main"].__globals__["DOCS"] = tmp_path
    script["main"]()
    for name in ("panel.svg", "doctor.svg"):
        drawn = (tmp_path / name).read_text()
        assert drawn == (DOCS / name).read_text(), "run: make pictures"
        assert "@font-face" not in drawn, "a picture loads nothing"


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", str(DOCS), str(tmp_path / "site")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site/api/puckrl.html").read_text()
    assert "puckrl.runner.run.Run" in page
    help_page = (tmp_path / "site/how-to/eval.html").read_text()
    assert "minimum number of episodes" in help_page

"""The README: short, true to the committed tables, and every command in it runs."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from readme_table import table

import puckrl
from puckrl.cli.parser import make_parser
from puckrl.cli.settings import parse
from puckrl.core.errors import Exit
from puckrl.core.version import VERSION
from tests.docs.lines import BLOCK, run_line

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for language, text in BLOCK.findall(README)
    if language == "sh"
    for line in text.splitlines()
]
_LONG = ("record", "plan", "eval", "check", "study", "warm-up")


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 120


def test_its_table_is_made_from_the_committed_one() -> None:
    assert table() in README, "run: python benchmarks/readme_table.py"


def test_two_commands_set_everything_up() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\S+)", README, re.MULTILINE):
        recipe = re.search(rf"^{target}: \$\(READY\).*\n\t(.+)", makefile, re.MULTILINE)
        assert recipe is not None, target
        if "/puck train" in recipe[1]:
            name, *changes = shlex.split(recipe[1].partition("/puck train")[2])
            parse(puckrl.preset(name), changes, "puck train")


def test_every_command_of_puck_is_in_it_or_one_link_away() -> None:
    shown = {shlex.split(line)[1] for line in COMMANDS}
    assert shown <= set(make_parser().commands)
    assert len(shown) >= 10


def _run(lines: list[str], folder: Path) -> None:
    """Run lines after two runs, beside the examples and a study file."""
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "study.yaml").write_text((ROOT / "docs/studies/example.yaml").read_text())
    for seed in (1, 2):
        assert run_line(f"puck train reach --seed {seed}", folder) == Exit.DONE
    for line in lines:
        assert run_line(line, folder) in (Exit.DONE, Exit.SICK), line


def test_its_commands_run(short: Path) -> None:
    _run([one for one in COMMANDS if shlex.split(one)[1] not in _LONG], short)


@pytest.mark.slow
def test_its_long_commands_run(short: Path) -> None:
    _run([one for one in COMMANDS if shlex.split(one)[1] in _LONG], short)


def test_the_citation_names_this_version() -> None:
    about = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert about["version"] == VERSION
    assert {"cff-version", "message", "title", "authors", "license"} <= about.keys()
